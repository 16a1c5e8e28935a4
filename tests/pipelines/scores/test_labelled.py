import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, jaccard_score
from torch import Tensor

from pipelines.scores.labelled import BALANCED_ACCURACY, F1, MEAN_IOU, Labelled
from pipelines.tasks.reading import Reading

LOGITS, LABELS = torch.arange(60.0).sin().view(20, 3), torch.arange(20) * 7 % 3


def value_of(score: Labelled, outputs: Tensor, targets: Tensor, reading: Reading) -> float:
    rows = score.rows(outputs, targets, reading, False).values
    return score.value(rows, np.ones(len(rows)))


@pytest.mark.parametrize("score", [F1, BALANCED_ACCURACY, MEAN_IOU], ids=lambda score: score.name)
def test_of_classes_it_is_that_of_scikit_learn(score: Labelled) -> None:
    predicted = LOGITS.argmax(1)
    known = {
        "f1": f1_score(LABELS, predicted, average="macro"),
        "balanced_accuracy": balanced_accuracy_score(LABELS, predicted),
        "miou": jaccard_score(LABELS, predicted, average="macro"),
    }
    assert value_of(score, LOGITS, LABELS, Reading()) == pytest.approx(known[score.name])


def test_each_label_is_decided_by_itself() -> None:
    outputs, targets = torch.tensor([[1.0, -1.0], [2.0, 3.0]]), torch.tensor([[1, 0], [1, 0]])
    assert value_of(F1, outputs, targets, Reading("labels")) == pytest.approx((1 + 0) / 2)
