"""Schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol


class Rate(Protocol):
    """A schedule by whole epochs."""

    def share(self, epoch: int, epochs: int) -> float:
        """The share of the peak rate, above 0 and at most 1, in the `epoch`-th of `epochs` epochs, from 0."""

    def common(self, epochs: int) -> int:
        """With how many of its epochs a longer training begins, too: what was learned in them can be gone on from."""


class Cosine:
    """Half a cosine from the peak to zero. All of it depends on the number of epochs.

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without restarts.
    """

    def share(self, epoch: int, epochs: int) -> float:
        """See `Rate.share`."""
        return (1 + math.cos(math.pi * epoch / epochs)) / 2

    def common(self, epochs: int) -> int:
        """See `Rate.common`."""
        return 0


class StableDecay:
    """The peak rate, and in the last fifth of the epochs, rounded up, a decay towards zero by 1 less a square root.

    Called warmup-stable-decay elsewhere; there is no warm-up here. Source: S. Hu et al., "MiniCPM: Unveiling the
    Potential of Small Language Models with Scalable Training Strategies", 2024; A. Hägele et al., "Scaling Laws and
    Compute-Optimal Training Beyond Fixed Training Durations", 2024, for the shape and the length of the decay.
    """

    def share(self, epoch: int, epochs: int) -> float:
        """See `Rate.share`."""
        steady = self.common(epochs)
        return 1 - math.sqrt(max(0, epoch + 1 - steady) / (epochs - steady + 1))

    def common(self, epochs: int) -> int:
        """See `Rate.common`."""
        return 4 * epochs // 5


RATES: Mapping[str, Rate] = {"cosine": Cosine(), "wsd": StableDecay()}
"""What ``training.schedule`` may name."""
