"""The epochs of a training, and of how many."""

from __future__ import annotations

import math
from dataclasses import dataclass

ROUNDING = 1e-9
"""What floating point may add to a whole number of epochs."""


@dataclass(frozen=True)
class EpochBudget:
    """The first of the epochs for which a training's schedule is made.

    Attributes:
        epochs: How many are run.
        total: How many the schedule has.
    """

    epochs: int
    total: int

    @classmethod
    def part(cls, share: float, total: int) -> EpochBudget:
        """The share of `total` epochs, 0 to 1, rounded up to whole ones."""
        return cls(min(total, math.ceil(share * total - ROUNDING)), total)

    @property
    def is_whole(self) -> bool:
        """True if nothing of the schedule is left."""
        return self.epochs == self.total
