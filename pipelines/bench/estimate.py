"""From the times of rounds to numbers with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.runtimes import Target

QUANTILE = 0.10
"""A low quantile is what a busy machine disturbs least; a mean under load can be off by a factor of two."""

CONTENDED = 1.1
"""With one thread, a round whose wall time is longer than its processor time by more than this was shared."""

RESAMPLES = 1000

OWN, WALL = 0, 1
"""The clocks, in the last axis of times."""


@dataclass(frozen=True)
class Estimate:
    """A low quantile and its quotients.

    Attributes:
        values: One number for each session: the quantile of the first, its quotients by the others'.
        intervals: 95 % confidence intervals, shape (sessions, 2).
    """

    values: np.ndarray
    intervals: np.ndarray

    @property
    def half_width(self) -> float:
        """Half the widest interval, as a share of its value."""
        return float((np.ptp(self.intervals, axis=1) / 2 / self.values).max())


def estimate(times: Sequence[np.ndarray], clock: int, resamples: int = RESAMPLES) -> Estimate:
    """The low quantile of the first session's calls, and its quotients by every other's in the same rounds.

    Calls of one round are alike, so whole rounds are drawn again: the same ones for every session, which keeps what
    pairs them. Source: percentile bootstrap over clusters; A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their
    Application", 1997, section 3.8.

    Args:
        times: Milliseconds for each session, shape (rounds, calls, 2); calls may differ between sessions.
        clock: Which of the two clocks counts.
        resamples: How often rounds are drawn.
    """
    rounds = len(times[0])
    drawn = np.random.default_rng(0).integers(rounds, size=(resamples, rounds))
    lows, draws = [], []
    for runs in times:
        chosen = runs[:, :, clock]
        lows.append(np.quantile(chosen, QUANTILE))
        draws.append(np.quantile(chosen[drawn].reshape(resamples, -1), QUANTILE, axis=1))
    values = np.array([lows[0], *(lows[0] / low for low in lows[1:])])
    samples = np.array([draws[0], *(draws[0] / draw for draw in draws[1:])])
    return Estimate(values, np.quantile(samples, (0.025, 0.975), axis=1).T)


def contention(times: Sequence[np.ndarray]) -> np.ndarray:
    """Wall time over own time of each round, shape (rounds,): 1 where one thread had a processor to itself."""
    wall, own = (sum(runs[:, :, clock].sum(axis=1) for runs in times) for clock in (WALL, OWN))
    return np.asarray(wall / np.maximum(own, 1e-9))


def clock_of(target: Target) -> int:
    """The clock that counts: the own one of one thread, which others do not lengthen; else the wall's."""
    return OWN if target.threads == 1 else WALL


def shows_contention(target: Target) -> bool:
    """Return True if the two clocks differ only where others took processors away.

    With several threads the own clock runs several times as fast as the wall's, by a factor that depends on the
    network.
    """
    return target.threads == 1


def quiet(times: Sequence[np.ndarray], target: Target) -> np.ndarray:
    """Return a mask, of shape (rounds,), of rounds that other work did not cut into; all, where it cannot be told."""
    if not shows_contention(target):
        return np.ones(len(times[0]), bool)
    return np.asarray(contention(times) <= CONTENDED)
