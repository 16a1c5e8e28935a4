"""A machine in virtual time: what is computed takes the seconds of its world, what is shared takes none."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Generator

from pipelines import StageKey, StageRun
from search.execution.executor import TrialQueue
from search.replay.world import World
from search.study.trial import Result, Trial

_Work = Generator[float | str, None, Result]
"""A trial at work: gives the seconds that it is busy, or the key of the stage that it waits for."""


class Machine:
    """Runs what a queue gives out in virtual time, with Paredown's store and its lock for each key.

    Every trial runs to its end: rungs are not replayed.

    Args:
        world: What trials cost and find.
        slots: How many trials run at once. They do not hold each other up: measuring is counted, not queued.

    Attributes:
        store: The keys whose results are there.
        built: How often each was computed.
        now: Seconds since the beginning.
        compute_s: Seconds that were computed, measuring included, in all slots.
        waiting_s: Seconds for which slots waited for a stage that another slot computed.
        idle_s: Seconds for which slots had nothing to do although trials were left.
    """

    def __init__(self, world: World, slots: int) -> None:
        self._world, self._slots = world, slots
        self.store: set[str] = set()
        self.built: Counter[str] = Counter()
        self.now = self.compute_s = self.waiting_s = self.idle_s = 0.0
        self._locked: set[str] = set()
        self._waiting: list[tuple[str, float, _Work]] = []
        self._busy: list[tuple[float, int, _Work]] = []
        self._count = 0

    def run(self, queue: TrialQueue, ended: Callable[[], None]) -> None:
        """Run trials until there are no more; `ended` is told of each end."""
        idle = self._slots
        while True:
            while idle and (trial := queue.next()):
                idle -= 1
                idle += self._go_on(self._work(trial), queue, ended)
            if not self._busy:
                return
            then, _, work = heapq.heappop(self._busy)
            if not queue.exhausted:
                self.idle_s += idle * (then - self.now)
            self.now = then
            idle += self._go_on(work, queue, ended)

    def _go_on(self, work: _Work, queue: TrialQueue, ended: Callable[[], None]) -> int:
        """Let `work` go on until it is busy, waits or has ended, and whoever it set free; how many have ended."""
        ready, ends = [work], 0
        while ready:
            one = ready.pop(0)
            try:
                asked = next(one)
            except StopIteration as stop:
                queue.finish(stop.value)
                ended()
                ends += 1
                continue
            if isinstance(asked, str):
                self._waiting.append((asked, self.now, one))
            else:
                self._count += 1
                heapq.heappush(self._busy, (self.now + asked, self._count, one))
            for entry in [entry for entry in self._waiting if entry[0] not in self._locked]:
                self._waiting.remove(entry)
                self.waiting_s += self.now - entry[1]
                ready.append(entry[2])
        return ends

    def _work(self, trial: Trial) -> _Work:
        started, runs = self.now, dict[StageKey, StageRun]()
        for stage in self._world.chain(trial.recipe):
            while stage.key in self._locked:
                yield stage.key
            seconds, reused = self._world.seconds(stage), stage.key in self.store
            if not reused:
                self._locked.add(stage.key)
                yield seconds
                self._locked.discard(stage.key)
                self.store.add(stage.key)
                self.built[stage.key] += 1
                self.compute_s += seconds
            runs[stage] = StageRun(stage.name, stage.key, seconds, reused)
        measuring = self._world.measuring(trial.recipe)
        yield measuring
        self.compute_s += measuring
        own = tuple(runs[stage] for stage in self._world.own(trial.recipe))
        return Result(trial.number, started, self.now, self._world.outcome(trial), stages=own)
