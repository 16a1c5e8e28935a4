"""The identity of a task: what its results depend on, and what of that has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pipelines.redaction import redacted
from pipelines.tasks.hooks import OwnFingerprint
from pipelines.tasks.sources import hashes
from pipelines.tasks.task import BUILT_IN, Task
from pipelines.training.initial_weights import initial_weights
from spaces import InputError, digest


@dataclass(frozen=True)
class TaskIdentity:
    """The identity of a task: what its results depend on.

    Attributes:
        use: Which class.
        args: The arguments with which it was made, without secrets.
        own: The answer of its own ``fingerprint``, which stands for its sources; None without one.
        sources: The SHA-256 of the file of its module, and of the person's modules that it imports, by module.
        teacher: The weights with which its teacher begins; see `initial_weights`.
        students: Those with which students and further teachers begin, by the call that makes them: in the keys of
            what follows from them.
    """

    use: str
    args: Mapping[str, Any]
    own: str | None
    sources: Mapping[str, str]
    teacher: str = ""
    students: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task, use: str, args: Mapping[str, Any]) -> TaskIdentity:
        """Return the identity of `task`, without students.

        Raises:
            InputError: nobody could tell whether it changes: its class lies in no file.
        """
        return replace(cls.of_source(task, use, args), teacher=initial_weights(task.teacher))

    @classmethod
    def of_source(cls, task: Task, use: str, args: Mapping[str, Any]) -> TaskIdentity:
        """Return the identity of `task` as far as it is known without making a network; see `of`."""
        if isinstance(task, OwnFingerprint):
            return cls(use, redacted(args), str(task.fingerprint()), {})
        named, defined = BUILT_IN.get(use, use).partition(":")[0], type(task).__module__
        sources = hashes([named, defined])
        if defined not in sources:
            advice = "put it into a file beside the sweep's, or give it a method fingerprint(); see docs/tasks.md"
            name = type(task).__name__
            raise InputError.at("task.use", f"{name} lies in no file, so nobody sees it change; {advice}")
        return cls(use, redacted(args), None, sources)

    def with_network(self, call: str, weights: str) -> TaskIdentity:
        """Return the identity that knows the weights of one more network, which `call` makes."""
        return replace(self, students={**self.students, call: weights})

    @property
    def fingerprint(self) -> str:
        """A digest of all but the students: part of the key of everything that is computed from the task."""
        return digest({name: value for name, value in asdict(self).items() if name != "students"})

    def changes(self, earlier: TaskIdentity) -> tuple[str, ...]:
        """Return what is not as in `earlier`, in words such as ``module nets has changed``.

        Of weights nothing is said where the sources have changed, as those may have changed them.
        """
        return self.source_changes(earlier) or tuple(self._weight_changes(earlier))

    def source_changes(self, earlier: TaskIdentity) -> tuple[str, ...]:
        """Return the same, weights aside."""
        if self.own != earlier.own:
            return ("its fingerprint() gives another answer",)
        return tuple(self._module_changes(earlier.sources))

    def _module_changes(self, earlier: Mapping[str, str]) -> Iterator[str]:
        for name in sorted({*self.sources, *earlier}):
            if name not in earlier:
                yield f"it imports module {name} now"
            elif name not in self.sources:
                yield f"it no longer imports module {name}"
            elif self.sources[name] != earlier[name]:
                yield f"module {name} has changed"

    def _weight_changes(self, earlier: TaskIdentity) -> Iterator[str]:
        if self.teacher != earlier.teacher:
            yield "teacher() comes with other weights"
        for call, weights in self.students.items():
            if earlier.students.get(call, weights) != weights:
                yield f"{call} comes with other weights"
