"""The patience of gradual pruning: cuts go on as long as the networks that they leave are good enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from pipelines.pruners.checkpoint import Checkpoint, Edit
from spaces import counted


class CutPatience:
    """Keeps the network of the last cut that met a bound on the accuracy, and says when no more is to be gained.

    A later cut may meet it again after one that did not: it has the epochs that come after it, too.

    Args:
        patience: So many cuts in a row below the bound are the last.
        floor: The bound.
        out: Where the network is kept.

    Attributes:
        kept: Which cut it was, from 1; 0 if none has met the bound yet.
    """

    def __init__(self, patience: int, floor: float, out: Path) -> None:
        self._patience, self._floor, self._out = patience, floor, out
        self._cuts = self._missed = self.kept = 0

    def look(self, model: nn.Module, structure: Sequence[Edit], accuracy: float) -> bool:
        """Take note of a cut, after its fine-tuning; returns True if it is the last."""
        self._cuts += 1
        if accuracy >= self._floor:
            self.kept, self._missed = self._cuts, 0
            Checkpoint(model, list(structure)).save(self._out)
        else:
            self._missed += 1
        return self._missed >= self._patience

    def note(self, steps: int) -> str:
        """What is to be said of the result: which of `steps` cuts it has; empty if it has all that were made."""
        bound = f"accuracy >= {self._floor:g}"
        if not self.kept:
            return f"none of {counted(self._cuts, 'cut')} left a network of {bound}; further ones were not tried"
        return "" if self.kept == steps else f"{self.kept} of {steps} cuts were made: no further one kept {bound}"
