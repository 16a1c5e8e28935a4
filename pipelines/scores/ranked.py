"""The area under the curve of true against false positives: how well outputs rank, whatever the threshold."""

from __future__ import annotations

from typing import Literal

import numpy as np
from torch import Tensor

from pipelines.scores.columns import halves, label_rows, probabilities
from pipelines.scores.score import Rows
from pipelines.tasks.reading import Kind, Reading


class Auc:
    """The mean over classes, each against the rest, or over labels; of two classes that of the second."""

    name = "auc"
    direction: Literal["maximize", "minimize"] = "maximize"
    best = 1.0
    kinds: tuple[Kind, ...] = ("classes", "labels")
    help = "area under the ROC curve, the mean over the classes (each against the rest) or labels"

    def rows(self, outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> Rows:
        """See `SplitScore.rows`."""
        if reading.kind == "labels":
            return label_rows(outputs, targets, reading, decide=False)
        found = probabilities(outputs, targets, reading, shift)
        classes = np.arange(found.values.shape[1] - 1)
        truth = found.values[:, :1] == classes
        rest = slice(1, None) if len(classes) == 2 else slice(None)  # the first of two says the same
        return Rows(np.hstack([truth[:, rest], found.values[:, 1:][:, rest]]), found.examples)

    def value(self, values: np.ndarray, weights: np.ndarray) -> float:
        """See `SplitScore.value`; a class of which there is no example, or nothing else, is left out."""
        from sklearn.metrics import roc_auc_score  # slow to load, and most tasks have no such score

        truth, scores = halves(values[weights > 0])
        weights = weights[weights > 0]
        columns = ((~np.isnan(column), column, scores[:, index]) for index, column in enumerate(truth.T))
        areas = [
            roc_auc_score(column[known], found[known], sample_weight=weights[known])
            for known, column, found in columns
            if known.any() and 0 < column[known].mean() < 1
        ]
        return float(np.mean(areas)) if areas else float("nan")
