"""Training batches: from the task's own iterable, or drawn from tensors that lie where networks are trained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from pipelines.errors import TrialFailed
from pipelines.tasks.batches import batches_of
from pipelines.tasks.hooks import OwnAugmentation, OwnTensors
from pipelines.tasks.task import Inputs, Task
from pipelines.tasks.tensors import Targets, examples_in, mapped
from pipelines.training.context import Context
from pipelines.training.initial_weights import generators_kept
from pipelines.training.seed import seed_everything

COUNTING = "00000000"
"""The seed under which batches are counted: their number shall depend on nothing but the task."""

ROOM = 0.5
"""The share of a device's free memory that examples may take."""

Item = Any
"""What a feed gives and prepares: tensors in tuples, lists and mappings."""


@dataclass(frozen=True)
class TrainBatch:
    """One batch, on the device.

    Attributes:
        inputs: What the network is called with, see `in_order`.
        targets: What its loss is told.
        rows: Where the examples stand among all, if each is the same every time.
    """

    inputs: tuple[Tensor, ...]
    targets: Targets
    rows: Tensor | None = None


class Feed(Protocol):
    """The source of training batches.

    Attributes:
        steps: How many an epoch has.
    """

    steps: int

    def epoch(self) -> Iterator[Item]:
        """The items of one epoch, wherever they lie, in the order that the seed says."""

    def prepare(self, item: Item) -> TrainBatch:
        """The batch of an item that lies on the device; runs there alone, so that it can be part of a CUDA graph."""


class HostFeed:
    """The task's own batches, one by one."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.steps = _count(task)

    def epoch(self) -> Iterator[Item]:
        """See `Feed.epoch`."""
        yield from ((in_order(inputs), targets) for inputs, targets in batches_of(self._task, "train"))

    def prepare(self, item: Item) -> TrainBatch:
        """See `Feed.prepare`."""
        inputs, targets = item
        return TrainBatch(inputs, targets)


class ResidentFeed:
    """Batches drawn from tensors: on the device if they fit, and else from where they are.

    Args:
        task: Has the tensors.
        device: Where networks are trained.
        room: Bytes that the tensors may take on the device.
    """

    def __init__(self, task: Task, device: torch.device, room: float) -> None:
        assert isinstance(task, OwnTensors)
        inputs, targets = all_examples(task, "train")
        _check(inputs, targets)
        self._augment = task.augment if isinstance(task, OwnAugmentation) else None
        self._batch = _batch_size(task)
        self._count = examples_in(targets)
        self.steps = math.ceil(self._count / self._batch)
        self.nbytes = sum(leaf.nbytes for leaf in tree_leaves((inputs, targets)))
        self.resident = device.type == "cpu" or self.nbytes <= room
        self._data: Any = (inputs, targets)
        if self.resident:
            self._data = tree_map(lambda leaf: leaf.to(device), self._data)
        elif device.type == "cuda":
            self._data = tree_map(lambda leaf: leaf.pin_memory(), self._data)

    @property
    def is_fixed(self) -> bool:
        """True if an example is the same each time."""
        return self._augment is None

    def epoch(self) -> Iterator[Item]:
        """See `Feed.epoch`; the order comes from torch's generator on the host, the same for every device."""
        order = torch.randperm(self._count)
        if self.resident:
            yield from order.to(self._data[1].device).split(self._batch)  # type: ignore[no-untyped-call]
        else:
            parts = order.split(self._batch)  # type: ignore[no-untyped-call]
            yield from ((rows, *self._of(rows)) for rows in parts)

    def prepare(self, item: Item) -> TrainBatch:
        """See `Feed.prepare`."""
        rows, inputs, targets = (item, *self._of(item)) if self.resident else item
        if self._augment:
            inputs, targets = self._augment(inputs, targets)
        return TrainBatch(in_order(inputs), targets, None if self._augment else rows)

    def all(self) -> Iterator[TrainBatch]:
        """Every example once, in order."""
        for rows in torch.arange(self._count, device=self._data[1].device).split(self._batch):  # type: ignore[no-untyped-call]
            inputs, targets = self._of(rows)
            yield TrainBatch(in_order(inputs), targets, rows)

    def _of(self, rows: Tensor) -> tuple[Any, Tensor]:
        inputs, targets = tree_map(lambda leaf: leaf.index_select(0, rows), self._data)
        return inputs, targets


def in_order(inputs: Inputs) -> tuple[Tensor, ...]:
    """`inputs` as networks are called with them: a flat tuple, those by name in the order of their names.

    In whatever order a mapping has them, and whatever kind of mapping it is, a CUDA graph finds them in their places.
    """
    return mapped(inputs, lambda x: x)


def all_examples(task: OwnTensors, split: str) -> tuple[Any, Tensor]:
    """The tensors of `task` in `split`: inputs in the form that it gives them in, by name as a plain dict; targets."""
    inputs, targets = task.tensors(split)
    return dict(inputs) if isinstance(inputs, Mapping) else inputs, targets


def feed_of(context: Context) -> Feed:
    """Return the source of training batches, made once for each task and device.

    Raises:
        TrialFailed: there are no batches, or no tensors where they are promised.
    """
    feed = context.once(f"feed {context.device}", lambda: _feed(context))
    if isinstance(feed, ResidentFeed) and not feed.resident:
        context.note(
            f"the training data ({feed.nbytes / 1e9:.1f} GB) take more than half of the free memory of the GPU, so "
            "that batches come from the host"
        )
    if not feed.steps:
        raise TrialFailed("the train split has no batches")
    return feed


def _feed(context: Context) -> Feed:
    if not isinstance(context.task, OwnTensors):
        return HostFeed(context.task)
    device = context.device
    room = ROOM * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else math.inf
    return ResidentFeed(context.task, device, room)


def _count(task: Task) -> int:
    """How many batches there are: what the iterable says, or what comes out of it, under a seed of its own."""
    with generators_kept():
        seed_everything(COUNTING)
        batches = task.batches("train")
        return len(batches) if isinstance(batches, Sized) else sum(1 for _ in batches)


def _batch_size(task: Task) -> int:
    """Batches are as large as the first of the task's own."""
    with generators_kept():
        first = next(batches_of(task, "train"), None)
    if first is None:
        raise TrialFailed("the train split has no batches")
    return examples_in(first[1])


def _check(inputs: Any, targets: Any) -> None:
    leaves = tree_leaves((inputs, targets))
    if not all(isinstance(leaf, Tensor) for leaf in leaves) or len({len(leaf) for leaf in leaves}) != 1:
        raise TrialFailed(
            'tensors("train") must give (inputs, targets), tensors with one example after the other, as many in each'
        )
