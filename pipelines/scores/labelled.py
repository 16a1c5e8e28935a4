"""Scores of what was predicted for labelled examples or positions: F1, balanced accuracy, mean IoU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score, jaccard_score
from torch import Tensor

from pipelines.scores.columns import halves, label_rows, predicted
from pipelines.scores.score import Rows
from pipelines.tasks.reading import Kind, Reading


@dataclass
class Labelled:
    """A score of scikit-learn's that compares labels with predictions; see `SplitScore`."""

    name: str
    help: str
    function: Callable[..., Any]
    kinds: tuple[Kind, ...] = ("classes", "labels")
    direction: Literal["maximize", "minimize"] = "maximize"
    best: float = 1.0

    def rows(self, outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> Rows:
        """See `SplitScore.rows`."""
        if reading.kind == "labels":
            return label_rows(outputs, targets, reading, decide=True)
        return predicted(outputs, targets, reading, shift)

    def value(self, values: np.ndarray, weights: np.ndarray) -> float:
        """See `SplitScore.value`."""
        if values.shape[1] > 2:
            return float(self.function(*halves(values), sample_weight=weights))
        return float(self.function(values[:, 0], values[:, 1], sample_weight=weights))


def _f1(labels: np.ndarray, found: np.ndarray, sample_weight: np.ndarray) -> float:
    return float(f1_score(labels, found, average="macro", zero_division=0, sample_weight=sample_weight))


def _iou(labels: np.ndarray, found: np.ndarray, sample_weight: np.ndarray) -> float:
    return float(jaccard_score(labels, found, average="macro", zero_division=0, sample_weight=sample_weight))


F1 = Labelled("f1", "F1, the mean over the classes or labels", _f1)
BALANCED_ACCURACY = Labelled("balanced_accuracy", "mean recall of the classes", balanced_accuracy_score, ("classes",))
MEAN_IOU = Labelled("miou", "intersection over union of the whole split, the mean over the classes", _iou)
