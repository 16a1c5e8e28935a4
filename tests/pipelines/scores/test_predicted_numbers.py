import math

import numpy as np
import pytest
import torch

from pipelines.scores.predicted_numbers import MAE, R2, RMSE, PredictedNumbers
from pipelines.tasks.reading import Reading


@pytest.mark.parametrize(
    ("score", "known"),
    [(RMSE, math.sqrt((1 + 9) / 4)), (MAE, (1 + 3) / 4), (R2, 1 - 10 / 20)],
    ids=["rmse", "mae", "r2"],
)
def test_it_is_of_every_number(score: PredictedNumbers, known: float) -> None:
    targets = torch.tensor([[1.0, 3.0], [5.0, 7.0]])
    rows = score.rows(targets + torch.tensor([[0.0, 1.0], [0.0, -3.0]]), targets, Reading("numbers"), False)
    assert rows.examples.tolist() == [0, 0, 1, 1]
    assert score.value(rows.values, np.ones(4)) == pytest.approx(known)
