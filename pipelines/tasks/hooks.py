"""The optional methods of a task, each a protocol: a task has it, or the default applies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from pipelines.tasks.tensors import Outputs
from spaces import near_miss


@runtime_checkable
class OwnStudent(Protocol):
    """A task with students of its own, instead of ones derived from its teacher.

    ``student`` may have a second argument called ``width``: students that are narrower too, ``width`` being the share
    of the full width, above 0 and at most 1; it raises ValueError for a width that does not exist. Further arguments
    are parameters of its own, which a sweep's file may name beside the depth.
    """

    def student(self, depth: int) -> nn.Module:
        """A fresh network of the given depth; raises ValueError for a depth that does not exist."""


@runtime_checkable
class OwnTeachers(Protocol):
    """A task with further teachers, from which students may learn instead of from ``teacher()``."""

    def teachers(self) -> Mapping[str, Callable[[], nn.Module]]:
        """Functions that make fresh networks, by the names that a sweep's file has for these."""


@runtime_checkable
class OwnLoss(Protocol):
    """A task with a loss of its own, instead of cross-entropy, or with the name of one of `pipelines.tasks.losses`."""

    def loss(self, outputs: Outputs, targets: Any) -> Tensor:
        """A scalar to minimise, of all that the network gives in training."""


@runtime_checkable
class OwnScore(Protocol):
    """A task that says itself how good outputs are, instead of top-1 correctness."""

    def score(self, outputs: Outputs, targets: Any) -> Tensor:
        """One number per example, whose mean is the accuracy, of all that the exported file gives."""


@runtime_checkable
class OwnFeaturePoints(Protocol):
    """A task that names what its students are compared by, instead of one pair of points found by the example.

    The points found are the inputs of the last linear layers, or the last maps where maps are needed.
    """

    def feature_points(self, depth: int) -> Sequence[tuple[str, str]]:
        """Pairs of the teacher's and the student's modules of that depth, named as in ``named_modules()``.

        It may have the further arguments of ``student``, and one called ``teacher`` for the name of another teacher.
        """


@runtime_checkable
class OwnFingerprint(Protocol):
    """A task that says itself when it changes.

    By default its class's name, its arguments and the source of the file that defines it do, so that it has this method
    if its data lies elsewhere.
    """

    def fingerprint(self) -> str:
        """Changes when the data or the networks change."""


@runtime_checkable
class OwnDeploy(Protocol):
    """A task whose networks ship in another form than they are trained in, such as with parallel branches merged."""

    def deploy(self, model: nn.Module) -> nn.Module:
        """The trained `model` in the form in which it is exported; it may be changed in place."""


@runtime_checkable
class OwnFiles(Protocol):
    """A task with files that go with each exported model, such as a tokenizer, labels, settings of preprocessing."""

    def files(self) -> Mapping[str, str | bytes | Path]:
        """What they hold, or where they lie now, each by its path within the export."""


@runtime_checkable
class OwnTensors(Protocol):
    """A task whose training data are tensors: they are kept where networks are trained, and batches drawn there."""

    def tensors(self, split: str) -> tuple[Any, Tensor]:
        """All inputs and all targets of a split, examples first, the same each time; asked for ``train`` only."""


@runtime_checkable
class OwnAugmentation(Protocol):
    """A task with `OwnTensors` whose training examples are changed at random each time that they are seen."""

    def augment(self, inputs: Any, targets: Any) -> tuple[Any, Any]:
        """A batch, changed on the device that it lies on; without this method examples are always the same."""


@runtime_checkable
class OwnFit(Protocol):
    """A task with a training loop of its own, in place of Paredown's."""

    def fit(self, model: nn.Module, job: Any) -> None:
        """Train `model` in place, on whatever device; see `pipelines.training.fit.FitJob`."""


METHODS = ("teacher", "batches", "example_input")
"""The methods that a task must have."""

HOOKS: Mapping[str, type] = {
    "student": OwnStudent,
    "teachers": OwnTeachers,
    "loss": OwnLoss,
    "score": OwnScore,
    "feature_points": OwnFeaturePoints,
    "fingerprint": OwnFingerprint,
    "deploy": OwnDeploy,
    "files": OwnFiles,
    "tensors": OwnTensors,
    "augment": OwnAugmentation,
    "fit": OwnFit,
}
"""The optional methods by name."""


def misspelt(task: object, names: Iterable[str], near: float = 0.8) -> dict[str, str]:
    """Those of the methods `names` that `task` lacks but for a slip: each with the name that it has instead.

    Args:
        task: A person's task.
        names: Of methods that something calls.
        near: How alike two names are, from 0 to 1, of which one may be a slip of the other.
    """
    called = tuple(names)
    own = [name for name in _public_methods(task) if name not in (*METHODS, *HOOKS, *called)]
    found = ((name, near_miss(name, own, near)) for name in called if not hasattr(task, name))
    return {name: slip for name, slip in found if slip}


def is_value(task: object, name: str) -> bool:
    """Return True if what `task` calls `name` cannot be called; None counts as its absence."""
    value = getattr(task, name, None)
    return value is not None and not callable(value)


def _public_methods(task: object) -> list[str]:
    """The names of the public methods of `task`, without running its properties."""
    static = {name: inspect.getattr_static(task, name, None) for name in dir(task) if not name.startswith("_")}
    return [name for name, value in static.items() if callable(value) or isinstance(value, (staticmethod, classmethod))]
