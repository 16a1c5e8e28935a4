"""The protocol of scores of a whole split, which are no means over its examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from torch import Tensor

from pipelines.tasks.reading import Kind, Reading


@dataclass(frozen=True)
class Rows:
    """All that a score looks at: one row for each value that was predicted.

    Attributes:
        values: Shape (rows, columns); what the columns are is the score's own affair.
        examples: The number of the example that each row belongs to, from 0: shape (rows,).
    """

    values: np.ndarray
    examples: np.ndarray


class SplitScore(Protocol):
    """One number for a whole split.

    Attributes:
        name: What a task's ``scores``, objectives and constraints call it.
        direction: Which way is better.
        best: The best value that there can be.
        kinds: How outputs have to be read for it to mean anything; see `Reading`.
        help: What it is, in one line.
    """

    name: str
    direction: Literal["maximize", "minimize"]
    best: float
    kinds: tuple[Kind, ...]
    help: str

    def rows(self, outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> Rows:
        """What the score looks at of a batch.

        Args:
            outputs: The output that is scored, batch first.
            targets: Batch first.
            reading: How the outputs are read.
            shift: Whether targets are the tokens of a causal language model, each to be predicted one earlier.
        """

    def value(self, values: np.ndarray, weights: np.ndarray) -> float:
        """The score of `values`, shape (rows, columns), where each row counts `weights` times; NaN if there is none."""
