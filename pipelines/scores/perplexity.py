"""Perplexity: how many classes, or tokens, a prediction is as unsure as between."""

from __future__ import annotations

from typing import Literal

import numpy as np
from torch import Tensor
from torch.nn import functional

from pipelines.scores.columns import classes
from pipelines.scores.score import Rows
from pipelines.tasks.reading import Kind, Reading


class Perplexity:
    """e to the mean cross-entropy of everything that is predicted: of all tokens of the split, not of its sentences."""

    name = "perplexity"
    direction: Literal["maximize", "minimize"] = "minimize"
    best = 1.0
    kinds: tuple[Kind, ...] = ("classes",)
    help = "e to the mean cross-entropy of all predicted classes or tokens"

    def rows(self, outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> Rows:
        """See `SplitScore.rows`: one row for each example, its summed cross-entropy and how many tokens it has."""
        logits, labels, examples = classes(outputs, targets, reading, shift)
        losses = functional.cross_entropy(logits.double(), labels, reduction="none").numpy()
        sums, counts = (np.bincount(examples.numpy(), weights, len(targets)) for weights in (losses, None))
        return Rows(np.stack([sums, counts.astype(float)], 1), np.arange(len(targets)))

    def value(self, values: np.ndarray, weights: np.ndarray) -> float:
        """See `SplitScore.value`."""
        total, count = weights @ values
        return float(np.exp(total / count)) if count else float("nan")
