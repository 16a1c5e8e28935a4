"""Scores of what was predicted for labelled examples or positions: F1, balanced accuracy, mean IoU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from torch import Tensor

from pipelines.scores.columns import halves, label_rows, predicted
from pipelines.scores.score import Rows
from pipelines.tasks.reading import Kind, Reading


@dataclass
class Labelled:
    """A score of scikit-learn's that compares labels with predictions; see `SplitScore`.

    Attributes:
        function: The name of the function in ``sklearn.metrics``.
        options: What it is told besides.
    """

    name: str
    help: str
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
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
        from sklearn import metrics  # slow to load, and most tasks have no such score

        columns = halves(values) if values.shape[1] > 2 else (values[:, 0], values[:, 1])
        return float(getattr(metrics, self.function)(*columns, sample_weight=weights, **self.options))


MACRO = {"average": "macro", "zero_division": 0}

F1 = Labelled("f1", "F1, the mean over the classes or labels", "f1_score", MACRO)
BALANCED_ACCURACY = Labelled(
    "balanced_accuracy", "mean recall of the classes", "balanced_accuracy_score", kinds=("classes",)
)
MEAN_IOU = Labelled(
    "miou", "intersection over union of the whole split, the mean over the classes", "jaccard_score", MACRO
)
