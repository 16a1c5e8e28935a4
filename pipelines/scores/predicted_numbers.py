"""Scores of predicted numbers: root mean squared error, mean absolute error, R²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from pipelines.scores.columns import number_rows
from pipelines.scores.score import Rows
from pipelines.tasks.reading import Kind, Reading


@dataclass
class PredictedNumbers:
    """A score of scikit-learn's that compares numbers with their targets; see `SplitScore`.

    Attributes:
        function: The name of the function in ``sklearn.metrics``.
    """

    name: str
    help: str
    function: str
    direction: Literal["maximize", "minimize"] = "minimize"
    best: float = 0.0
    kinds: tuple[Kind, ...] = ("numbers",)

    def rows(self, outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> Rows:
        """See `SplitScore.rows`."""
        return number_rows(outputs, targets)

    def value(self, values: np.ndarray, weights: np.ndarray) -> float:
        """See `SplitScore.value`."""
        from sklearn import metrics  # slow to load, and most tasks have no such score

        return float(getattr(metrics, self.function)(values[:, 0], values[:, 1], sample_weight=weights))


RMSE = PredictedNumbers("rmse", "root mean squared error", "root_mean_squared_error")
MAE = PredictedNumbers("mae", "mean absolute error", "mean_absolute_error")
R2 = PredictedNumbers("r2", "share of the targets' variance that is explained", "r2_score", "maximize", 1.0)
