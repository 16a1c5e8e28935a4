"""Rounds: several sessions are called in turn, so that whatever disturbs the machine disturbs all alike."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import numpy as np

from pipelines.garbage import no_collection
from pipelines.runtimes import Feed, Session, Timing

VISIT_MS = 2.0
"""How long one visit lasts at most for a fast network; a slow one is run twice."""

CALLS = 20
"""Timed calls of a visit at most: more of them say little that is new, and others wait meanwhile."""

VISITS = 3
"""Visits of a round at most: slow sessions are visited once, faster ones up to so often. A round costs what its slowest
visit does, and a low quantile gains by calls; `benchmarks/fidelity.py` sees no difference to as many visits of all."""

BLOCK = 3
"""Calls of each session in one block of the warm-up."""

DRIFT = 0.02
"""A session is warm when its fastest call of a block is within this share of the block before, twice in a row."""

WARM_S = 1.0
"""The longest warm-up."""


class Rounds:
    """Times calls of several sessions in rounds, in random order: slow ones are visited once a round, fast ones more.

    How often goes by the square root of what a visit takes: for calls that are equally noisy that is the share with
    which a quotient is known best for the time it takes. Source: optimal allocation of W. G. Cochran, "Sampling
    Techniques", 1977, section 5.5. The first call of a visit is dropped: it finds the caches full of another's data.

    Args:
        sessions: What to time.
        feed: What each is called with.
        seed: Of the order.
    """

    def __init__(self, sessions: Sequence[Session], feed: Feed, seed: int = 0) -> None:
        self._sessions, self._feed = tuple(sessions), feed
        self._order = random.Random(seed)
        self._calls, self._visits = [1 for _ in sessions], [1 for _ in sessions]
        self._times: list[list[np.ndarray]] = [[] for _ in sessions]

    def warm_up(self, steady: Callable[[], bool] = lambda: True) -> bool:
        """Call every session until its duration no longer drifts, all at most for `WARM_S`; decides on their visits.

        Args:
            steady: Whether the device's clocks have come to rest since it was asked last, as far as it tells.

        Returns:
            Whether the drift stopped.
        """
        spent_ms = 0.0
        best, still = [0.0 for _ in self._sessions], [0 for _ in self._sessions]
        with no_collection():
            while True:
                drifting = [index for index, count in enumerate(still) if count < 2]
                warm = not drifting and steady()
                if warm or spent_ms > WARM_S * 1e3:
                    break
                for index in drifting or range(len(still)):
                    latest, more_ms = self._block(index)
                    still[index] = still[index] + 1 if abs(latest - best[index]) <= DRIFT * best[index] else 0
                    best[index] = latest
                    spent_ms += more_ms
        self._calls = [max(1, min(CALLS, int(VISIT_MS / ms) - 1)) if ms > 0 else CALLS for ms in best]
        took = [max(VISIT_MS, 2 * ms) for ms in best]
        self._visits = [max(1, min(VISITS, round(math.sqrt(max(took) / ms)))) for ms in took]
        return warm

    def add(self, count: int, until: Callable[[], bool] = lambda: False) -> None:
        """Time `count` more rounds, or fewer if `until` says so between two of them."""
        with no_collection():
            for _ in range(count):
                visits = [index for index, often in enumerate(self._visits) for _ in range(often)]
                self._order.shuffle(visits)
                found: list[list[Timing]] = [[] for _ in self._sessions]
                for index in visits:
                    session = self._sessions[index]
                    session.run(self._feed)
                    found[index] += [session.timed_run(self._feed) for _ in range(self._calls[index])]
                for times, timings in zip(self._times, found, strict=True):
                    times.append(np.array(timings))
                if until():
                    return

    def holding(self, visits: int) -> int:
        """The rounds in which the session that is visited most often is visited `visits` times."""
        return math.ceil(visits / max(self._visits))

    @property
    def times(self) -> list[np.ndarray]:
        """For each session the milliseconds of its calls, shape (rounds, calls, 2): on the own and the wall clock.

        There has to be a round.
        """
        return [np.array(rounds).reshape(len(rounds), -1, 2) for rounds in self._times]

    def _block(self, index: int) -> tuple[float, float]:
        """The fastest of some calls of a session, and what all of them took on the wall clock: milliseconds."""
        timings = [self._sessions[index].timed_run(self._feed) for _ in range(BLOCK)]
        return min(timing.own_ms for timing in timings), sum(timing.wall_ms for timing in timings)
