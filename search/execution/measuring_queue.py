"""What is to be measured in one place: files wait here until a machine there has room for them."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import ray

from pipelines.evaluator import Unmeasured
from search.execution.awaited import awaited

LOG = logging.getLogger(__name__)

LOOK_S, AGAIN_S = 10.0, 600.0
"""How often it is looked whether any machine measures, and how often it is said again that none does."""


class FileLostError(Exception):
    """A file that is to be measured is not in the store any more."""


class Sends(Protocol):
    """Sends files to the machines that measure: `search.execution.lane.Sender`."""

    def send(self, unmeasured: Unmeasured) -> ray.ObjectRef[Any]:
        """See `search.execution.lane.Sender.send`."""


class MeasuringQueue:
    """Has files measured by the machines that offer a resource, in the order in which they were built.

    Only as many are handed to Ray as can be measured at once, and one more: what a worker waits for does not stand
    behind all others.

    Args:
        resource: What the machines offer to Ray.
        sender: Sends files there.

    Attributes:
        out: The trial, and what of it is measured, by what Ray gives for it.
    """

    def __init__(self, resource: str, sender: Sends) -> None:
        self._resource, self._sender = resource, sender
        self._waiting: deque[tuple[int, Unmeasured]] = deque()
        self.out: dict[ray.ObjectRef[Any], tuple[int, Unmeasured]] = {}
        self._looked_at, self._told_at, self._width = 0.0, float("-inf"), 1

    def __len__(self) -> int:
        """The number of files that are not measured yet."""
        return len(self._waiting) + len(self.out)

    def add(self, number: int, unmeasured: Unmeasured) -> None:
        """Have a file of the trial called `number` measured after those that wait already."""
        self._waiting.append((number, unmeasured))

    def send(self) -> Iterator[int]:
        """Hand to Ray what there is room for.

        Yields:
            The trials of which a file is gone from the store.
        """
        self._look()
        while self._waiting and len(self.out) <= self._width:
            number, unmeasured = self._waiting.popleft()
            try:
                self.out[self._sender.send(unmeasured)] = number, unmeasured
            except FileLostError:
                yield number

    def forget(self, number: int) -> None:
        """Measure nothing more of the trial called `number`."""
        self._waiting = deque(each for each in self._waiting if each[0] != number)
        self._cancel([answer for answer, (of, _) in self.out.items() if of == number])

    def drop(self) -> None:
        """Measure nothing more."""
        self._waiting.clear()
        self._cancel(list(self.out))

    def _cancel(self, answers: list[ray.ObjectRef[Any]]) -> None:
        for answer in answers:
            del self.out[answer]
            with suppress(Exception):  # Ray may have gone
                ray.cancel(answer, force=True)

    def _look(self) -> None:
        """Look how many machines measure, and say so if it is none and somebody waits for one."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        there = ray.cluster_resources().get(self._resource, 0)
        self._width = max(1, int(there))
        if there:
            self._told_at = float("-inf")
        elif len(self) and now - self._told_at > AGAIN_S:
            self._told_at = now
            LOG.warning("%s", awaited(self._resource, len(self)))
