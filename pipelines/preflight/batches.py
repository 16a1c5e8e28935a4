"""The batches of a task, as far as its splits for searching go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, get_args

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from pipelines.preflight.findings import Findings
from pipelines.preflight.progress import at
from pipelines.tasks.batches import as_pair
from pipelines.tasks.declared import reading_of
from pipelines.tasks.fault import FAULTS, defined, told
from pipelines.tasks.task import Batch, Split, Task, as_tuple, first
from pipelines.tasks.tensors import Targets, names_of, parts
from spaces import counted

SPLITS: tuple[Split, ...] = tuple(split for split in get_args(Split) if split != "test")
"""The splits that a sweep reads; the test split is none of them."""

SIZE = 8
"""How many examples of a batch are tried."""

MOST, MOST_S = 1000, 2.0
"""How many batches of a split are looked at, and for how long: what comes later shows in the trials."""

SHAPES = 3
"""How many batches of other shapes than the example's are kept."""


@dataclass(frozen=True)
class Sample:
    """A sample of a split.

    Attributes:
        batch: The first examples of its first batch.
        smallest: The batch with the fewest examples; None if all are as large as the first.
        others: The first examples of batches whose inputs have other shapes than the example, one for each shape.
        labels: The smallest and the largest label that counts; None if the targets are no whole numbers.
    """

    batch: Batch
    smallest: Batch | None
    others: tuple[Batch, ...]
    labels: tuple[int, int] | None


@dataclass
class _Seen:
    """Findings gathered while batches pass."""

    example: tuple[Tensor, ...] | None
    ignored: int
    first: Batch | None = None
    smallest: Batch | None = None
    others: dict[tuple[torch.Size, ...], Batch] = field(default_factory=dict)
    labels: tuple[int, int] | None = None

    def note(self, inputs: tuple[Tensor, ...], targets: Targets) -> None:
        some: Targets = tree_map(lambda x: x[:SIZE].clone(), targets)
        batch, size = (first(inputs, SIZE), some), len(inputs[0])
        if self.first is None:
            self.first = batch
            self.size = size
        elif size < (len(as_tuple(self.smallest[0])[0]) if self.smallest else self.size):
            self.smallest = batch
        shapes = tuple(x.shape[1:] for x in inputs)
        if self.example and shapes != tuple(x.shape[1:] for x in self.example) and len(self.others) < SHAPES:
            self.others.setdefault(shapes, batch)
        if not isinstance(targets, Tensor) or targets.is_floating_point():
            return
        if (known := targets[targets != self.ignored]).numel():
            low, high = self.labels or (int(known.min()), int(known.max()))
            self.labels = min(low, int(known.min())), max(high, int(known.max()))


def sample_splits(task: Task, findings: Findings, *, compare: bool = True) -> dict[Split, Sample]:
    """Return a sample of each split of `task` that a sweep reads; adds to `findings` where one is of no use.

    Args:
        task: The task.
        findings: What is wrong is noted there.
        compare: Whether the inputs have to be like the example.
    """
    found: dict[Split, Sample] = {}
    for split in SPLITS:
        at(f"batches({split!r})")
        try:
            found[split] = _sample(task, split, as_tuple(task.example_input()) if compare else None)
        except _UselessError as error:
            findings.add("task.use", f" {error}", f"batches({split!r})")
        except FAULTS as error:  # a task may raise anything
            findings.add("task.use", f": {told(error)}", f"batches({split!r})")
    return found


class _UselessError(Exception):
    """A split that nothing can be done with."""


def _sample(task: Task, split: Split, example: tuple[Tensor, ...] | None) -> Sample:
    """See `sample_splits`.

    Raises:
        _UselessError: its batches cannot be used.
    """
    seen, given = _Seen(example, reading_of(task).ignored), task.batches(split)
    for number, batch in enumerate(map(_pair, _for_a_while(given))):
        if message := _form_problem(batch, seen.example):
            which = "" if number == 0 else f" in batch {number + 1}"
            raise _UselessError(f"{message}{which}; see {defined(task.batches)}")
        inputs, targets = batch
        seen.note(as_tuple(inputs), targets)
    if seen.first is None:
        raise _UselessError(f"gives no batch; see {defined(task.batches)}")
    again = task.batches(split)
    if (again is given and iter(again) is again) or next(iter(again), None) is None:
        raise _UselessError(
            "gives no batches when it is called again: it has to give all of them on each call, so make a new "
            f"iterator there; see {defined(task.batches)}"
        )
    return Sample(seen.first, seen.smallest, tuple(seen.others.values()), seen.labels)


def _pair(batch: object) -> Any:
    """See `as_pair`.

    Raises:
        _UselessError: nothing in it has the name of targets.
    """
    try:
        return as_pair(batch)
    except ValueError as error:
        raise _UselessError(str(error)) from None


def _for_a_while(batches: Iterable[Any]) -> Iterator[Any]:
    until = time.monotonic() + MOST_S
    for batch in islice(batches, MOST):
        yield batch
        if time.monotonic() > until:
            return


def _form_problem(batch: object, example: tuple[Tensor, ...] | None) -> str | None:
    """Return why `batch` is none for a network that is called with what is like `example`, or None."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        what = f"a {type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, (tuple, list)) else "")
        return f"must give pairs (inputs, targets), not {what}"
    inputs, targets = batch
    given = parts(inputs)
    for wrong in (one for one in given if not isinstance(one, Tensor)):
        return f"gives inputs of type {type(wrong).__name__}, not tensors, or tuples or dicts of them{_advice(wrong)}"
    wanted = parts(targets)
    if odd := [one for one in wanted if not isinstance(one, Tensor)] or ([] if wanted else [targets]):
        wrong = odd[0] if len(odd) < len(wanted) else targets
        return f"gives targets of type {type(wrong).__name__}, not a tensor{_advice(wrong)}"
    if example is None:
        example = as_tuple(inputs)
    if (own_names := names_of(inputs)) != (names := names_of(example)):
        return f"gives inputs {_named(own_names)}, but example_input() has them {_named(names)}"
    if len(given) != len(example):
        return f"gives {counted(len(given), 'input')}, but example_input() has {len(example)}"
    for own, other in zip(given, example, strict=True):
        if own.dim() != other.dim():
            return (
                f"gives inputs of shape {tuple(own.shape)}, but example_input() is of shape {tuple(other.shape)}: both "
                "have the batch dimension first"
            )
        if own.dtype != other.dtype:
            return f"gives inputs of type {_word(own)}, but example_input() is of type {_word(other)}"
    sizes = sorted({len(one) for one in (*given, *wanted) if one.dim()})
    if not all(one.dim() for one in wanted) or len(sizes) != 1:
        shapes = ", ".join(str(tuple(one.shape)) for one in (*given, *wanted))
        return f"gives inputs and targets of shapes {shapes}, not of one number of examples"
    return "gives an empty batch" if sizes == [0] else None


def _named(names: tuple[str, ...] | None) -> str:
    return f"called {', '.join(names)}" if names else "without names"


def _advice(given: object) -> str:
    return "; use torch.from_numpy" if type(given).__module__ == "numpy" else ""


def _word(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
