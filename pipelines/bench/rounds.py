"""Rounds: several sessions are called in turn, so that whatever disturbs the machine disturbs all alike."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from pipelines.garbage import no_collection
from pipelines.runtimes import Feed, Session

VISIT_MS = 2.0
"""How long one visit lasts at most for a fast network; a slow one is run twice."""

CALLS = 20
"""Timed calls of a visit at most: more of them say little that is new, and others wait meanwhile."""

BLOCK = 3
"""Calls of each session in one block of the warm-up."""

DRIFT = 0.02
"""A session is warm when its fastest call of a block is within this share of the block before, twice in a row."""

WARM_S = 1.0
"""The longest warm-up."""


class Rounds:
    """Times calls of several sessions in rounds: each is visited once a round, in random order.

    The first call of a visit is dropped: it finds the caches full of another's data.

    Args:
        sessions: What to time.
        feed: What each is called with.
        seed: Of the order.
    """

    def __init__(self, sessions: Sequence[Session], feed: Feed, seed: int = 0) -> None:
        self._sessions, self._feed = tuple(sessions), feed
        self._order = random.Random(seed)
        self._calls = [1 for _ in sessions]
        self._times: list[list[np.ndarray]] = [[] for _ in sessions]

    def warm_up(self, steady: Callable[[], bool] = lambda: True) -> bool:
        """Call every session until its duration no longer drifts, at most for `WARM_S`; decides how long visits are.

        Args:
            steady: Whether the device's clocks have come to rest since it was asked last, as far as it tells.

        Returns:
            Whether the drift stopped.
        """
        still = 0
        with no_collection():
            best, spent_ms = self._block()
            while still < 2 and spent_ms < WARM_S * 1e3:
                latest, more_ms = self._block()
                spent_ms += more_ms
                drifts = [abs(new - old) > DRIFT * old for new, old in zip(latest, best, strict=True)]
                still = 0 if any(drifts) or not steady() else still + 1
                best = latest
        self._calls = [max(1, min(CALLS, int(VISIT_MS / ms) - 1)) if ms > 0 else CALLS for ms in best]
        return still == 2

    def add(self, count: int, until: Callable[[], bool] = lambda: False) -> None:
        """Time `count` more rounds, or fewer if `until` says so between two of them."""
        with no_collection():
            for _ in range(count):
                for index in self._order.sample(range(len(self._sessions)), len(self._sessions)):
                    session = self._sessions[index]
                    session.run(self._feed)
                    self._times[index].append(
                        np.array([session.timed_run(self._feed) for _ in range(self._calls[index])])
                    )
                if until():
                    return

    @property
    def times(self) -> list[np.ndarray]:
        """For each session the milliseconds of its calls, shape (rounds, calls, 2): on the own and the wall clock.

        There has to be a round.
        """
        return [np.array(visits).reshape(len(visits), -1, 2) for visits in self._times]

    def _block(self) -> tuple[list[float], float]:
        """The fastest of some calls of each session, and what all of them took on the wall clock: milliseconds."""
        timings = [[session.timed_run(self._feed) for _ in range(BLOCK)] for session in self._sessions]
        fastest = [min(timing.own_ms for timing in calls) for calls in timings]
        return fastest, sum(timing.wall_ms for calls in timings for timing in calls)
