"""Schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol


class Rate(Protocol):
    """A schedule by steps: what has been done of it is counted in epochs, of which a step is a part."""

    def share(self, done: float, epochs: int) -> float:
        """The share of the peak rate, at most 1, after `done` of `epochs` epochs; 0 after all of them."""

    def common(self, epochs: int) -> int:
        """With how many of its epochs a longer training begins, too: what was learned in them can be gone on from."""


class Cosine:
    """Half a cosine from the peak to zero. All of it depends on the number of epochs.

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without restarts.
    """

    def share(self, done: float, epochs: int) -> float:
        """See `Rate.share`."""
        return (1 + math.cos(math.pi * min(done / epochs, 1))) / 2

    def common(self, epochs: int) -> int:
        """See `Rate.common`."""
        return 0


class Linear:
    """A line from the peak to zero. All of it depends on the number of epochs."""

    def share(self, done: float, epochs: int) -> float:
        """See `Rate.share`."""
        return max(0.0, 1 - done / epochs)

    def common(self, epochs: int) -> int:
        """See `Rate.common`."""
        return 0


class StableDecay:
    """The peak rate, and in the last fifth of the epochs, rounded up, a decay to zero by 1 less a square root.

    Called warmup-stable-decay elsewhere. Source: S. Hu et al., "MiniCPM: Unveiling the Potential of Small Language
    Models with Scalable Training Strategies", 2024; A. Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond
    Fixed Training Durations", 2024, for the shape and the length of the decay.
    """

    def share(self, done: float, epochs: int) -> float:
        """See `Rate.share`."""
        steady = self.common(epochs)
        return max(0.0, 1 - math.sqrt(max(0.0, done - steady) / (epochs - steady)))

    def common(self, epochs: int) -> int:
        """See `Rate.common`."""
        return 4 * epochs // 5


RATES: Mapping[str, Rate] = {"cosine": Cosine(), "linear": Linear(), "wsd": StableDecay()}
"""What ``training.schedule`` may name."""


def rate_share(rate: Rate, step: int, steps: int, epochs: int, warmup: float) -> float:
    """The share of the peak rate that the `step`-th step takes, from 0; it is above 0, and falls to 0 after the last.

    Args:
        rate: The schedule.
        step: How many steps were done before.
        steps: How many steps an epoch has.
        epochs: How many epochs the schedule has.
        warmup: How many epochs of them the rate rises in, along a line.
    """
    done = step / steps
    rising = min(1.0, (step + 1) / (warmup * steps)) if warmup else 1.0
    # An epoch that gives more batches than were counted stays at what its last step had.
    return rising * rate.share(min(done, epochs - 1 / steps), epochs)
