"""Runs steps one by one, or replays them from a CUDA graph: small networks wait for launches, not for arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from pipelines.training.feed import Feed, Item
from pipelines.training.step import TrainingStep

WARM_UP = 3
"""So many steps are run before one is captured: libraries choose their kernels in them, optimizers make their state."""


class Graph(Protocol):
    """Work that is recorded once and then repeated."""

    def capture(self, work: Callable[[], None]) -> None:
        """Record what `work` does, without its being done.

        Raises:
            RuntimeError: it does what cannot be recorded.
        """

    def replay(self) -> None:
        """Do it."""


class StepRunner(Protocol):
    """The way in which the steps of a training are run."""

    def run(self, item: Item, *, last: bool) -> None:
        """Take the gradients of one item of the feed and, with the `last` one of a step, change the weights."""


class EagerRunner:
    """Each operation is started by Python."""

    def __init__(self, step: TrainingStep, feed: Feed) -> None:
        self._step, self._feed = step, feed

    def run(self, item: Item, *, last: bool) -> None:
        """See `StepRunner.run`."""
        self._step.backward(self._feed.prepare(on_device(item, self._step.device)))
        if last:
            self._step.update()


class GraphedRunner:
    """The first steps are run; then their two halves are captured and replayed for every item of the same shapes.

    Items of other shapes, such as the last smaller batch, are run. What cannot be captured is said once, and run.

    Args:
        step: The step.
        feed: Prepares its items.
        make_graph: Makes an empty graph.
        on_note: Told why nothing, or not all, is captured.
    """

    def __init__(
        self, step: TrainingStep, feed: Feed, make_graph: Callable[[], Graph], on_note: Callable[[str], None]
    ) -> None:
        self._step, self._feed, self._make_graph, self._on_note = step, feed, make_graph, on_note
        self._seen = 0
        self._is_first = True
        self._given_up = False
        self._static: list[Tensor] = []
        self._gradients: Graph | None = None
        self._update: Graph | None = None
        self.replayed = 0

    def run(self, item: Item, *, last: bool) -> None:
        """See `StepRunner.run`."""
        tensors, form = tree_flatten(item)
        if self._gradients is None and not self._given_up and self._seen >= WARM_UP:
            self._capture(tensors, form)
        if self._gradients and _alike(tensors, self._static):
            for static, tensor in zip(self._static, tensors, strict=True):
                static.copy_(tensor, non_blocking=True)
            self._gradients.replay()
            self.replayed += 1
        else:
            self._backward(on_device(item, self._step.device))
        self._is_first = last
        if last:
            self._seen += 1
            if self._update:
                self._update.replay()
            else:
                self._step.update(keep_gradients=not self._given_up)

    def _backward(self, item: Item) -> None:
        """Run the first half of the step; the last time before it would be captured, find out whether it can be."""
        if self._given_up or self._gradients or self._seen != WARM_UP - 1 or not self._is_first:
            self._step.backward(self._feed.prepare(item))
            return
        before = _host_state()
        reason = ""
        try:
            with no_waiting(self._step.device):
                self._step.backward(self._feed.prepare(item))
        except RuntimeError as error:
            if "synchronizing" not in str(error):
                raise
            reason = "the step waits for the GPU: a value of a tensor is read in Python"
        if not reason and before != _host_state():
            reason = "the step draws random numbers on the host, which a graph would repeat"
        if reason:
            self._give_up(reason)
            self._step.forget_gradients()
            self._step.backward(self._feed.prepare(item))

    def _capture(self, tensors: list[Tensor], form: Any) -> None:
        device = self._step.device
        self._static = [torch.empty_like(tensor, device=device) for tensor in tensors]
        for static, tensor in zip(self._static, tensors, strict=True):
            static.copy_(tensor)
        item = tree_unflatten(list(self._static), form)
        graph = self._make_graph()
        try:
            graph.capture(lambda: self._step.backward(self._feed.prepare(item)))
        except RuntimeError as error:
            self._give_up(_first_line(error))
            return
        self._gradients = graph
        if not self._step.can_update_in_graph:
            return
        update = self._make_graph()
        try:
            update.capture(lambda: self._step.update(keep_gradients=True))
        except RuntimeError as error:
            self._on_note(f"the change of the weights is not part of the CUDA graph: {_first_line(error)}")
            return
        self._update = update

    def _give_up(self, reason: str) -> None:
        self._given_up = True
        self._on_note(f"trained without a CUDA graph: {reason}")


class CudaGraph:
    """A CUDA graph.

    Args:
        pool: The memory that it shares with graphs that are replayed before and after it.
    """

    def __init__(self, pool: Any) -> None:
        self._graph, self._pool = torch.cuda.CUDAGraph(), pool

    def capture(self, work: Callable[[], None]) -> None:
        """See `Graph.capture`."""
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        try:
            # Other threads, such as one that pins memory for a loader, go on meanwhile.
            with torch.cuda.graph(self._graph, pool=self._pool, capture_error_mode="thread_local"):
                work()
        except BaseException:
            # A capture that was broken off leaves the generator as if it went on: it gets a state of its own.
            with suppress(RuntimeError):
                fresh = torch.Generator(generator.device)
                fresh.manual_seed(generator.initial_seed())
                generator.graphsafe_set_state(fresh.graphsafe_get_state())
            raise

    def replay(self) -> None:
        """See `Graph.replay`."""
        self._graph.replay()


def runner_for(step: TrainingStep, feed: Feed, *, graph: bool, on_note: Callable[[str], None]) -> StepRunner:
    """Return the fastest way to run `step` on its device; on a GPU with a `graph`, if one is wanted."""
    if step.device.type != "cuda" or not graph:
        return EagerRunner(step, feed)
    return GraphedRunner(step, feed, partial(CudaGraph, torch.cuda.graph_pool_handle()), on_note)


def on_device(item: Item, device: torch.device) -> Item:
    """Copies of the tensors of an item on `device`: a network may change what it is called with."""
    return tree_map(lambda tensor: tensor.to(device, non_blocking=True, copy=True), item)


@contextmanager
def no_waiting(device: torch.device) -> Iterator[None]:
    """Within it, what would make the host wait for a GPU raises a RuntimeError."""
    if device.type != "cuda":
        yield
        return
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _alike(tensors: list[Tensor], others: list[Tensor]) -> bool:
    return len(tensors) == len(others) and all(
        tensor.shape == other.shape and tensor.dtype == other.dtype
        for tensor, other in zip(tensors, others, strict=True)
    )


def _host_state() -> tuple[Any, ...]:
    """The states of the generators on the host."""
    name, keys, *rest = np.random.get_state()
    return random.getstate(), torch.get_rng_state().numpy().tobytes(), name, keys.tobytes(), rest  # type: ignore[union-attr, attr-defined]
