"""The examples on which a quantizer may look at activations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

from torch import Tensor

from pipelines.errors import TrialFailed
from pipelines.quantizers.parameters import ALL
from pipelines.runtimes import Feed, to_feed
from pipelines.tasks.batches import batches_of
from pipelines.tasks.task import Inputs, Task, as_tuple, first
from pipelines.tasks.tensors import mapped
from spaces import Params

Found = TypeVar("Found")

AT_ONCE = 8
"""So many examples are looked at together at most: all activations of a file may be held meanwhile, and those of one
image in a vision transformer take 200 MB."""


@dataclass(frozen=True)
class Calibration:
    """The calibration split, or its first examples.

    Attributes:
        batches: Gives the inputs of the split, batch by batch, in the same order each time.
        size: How many examples are used; all, when None.
    """

    batches: Callable[[], Iterable[Inputs]]
    size: int | None = None
    _found: dict[Hashable, object] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, task: Task, params: Params, before_batch: Callable[[], None] = lambda: None) -> Calibration:
        """The examples of `task` that `params` (``calibration_size``) ask for; `before_batch` is called before each."""
        size = params.get("calibration_size", ALL)

        def batches() -> Iterator[Inputs]:
            for inputs, _ in batches_of(task, "calibration"):
                before_batch()
                yield inputs

        return cls(batches, None if size == ALL else int(size))

    def first(self, size: int) -> Calibration:
        """At most `size` of these examples."""
        return Calibration(self.batches, size if self.size is None else min(size, self.size))

    def inputs(self) -> Iterator[tuple[Tensor, ...]]:
        """The examples as a network is called with them, batch by batch.

        Raises:
            TrialFailed: there are none.
        """
        left = self.size
        empty = True
        for batch in self.batches():
            inputs = as_tuple(batch)
            if left is not None:
                inputs = first(inputs, left)
                left -= len(inputs[0])
            if len(inputs[0]):
                empty = False
                yield inputs
            if left == 0:
                break
        if empty:
            raise TrialFailed("the calibration split has no batches")

    def feeds(self) -> Iterator[Feed]:
        """The examples as an exported file takes them, `AT_ONCE` of them together whatever the batches are.

        Raises:
            TrialFailed: there are none.
        """
        for inputs in self.inputs():
            for start in range(0, len(inputs[0]), AT_ONCE):
                yield to_feed(mapped(inputs, lambda x, start=start: x[start : start + AT_ONCE]))  # type: ignore[misc]

    def once(self, what: Hashable, find: Callable[[], Found]) -> Found:
        """Return the result of `find`, called once for each `what`: it may be dear, and serve several quantizations."""
        if what not in self._found:
            self._found[what] = find()
        return cast(Found, self._found[what])
