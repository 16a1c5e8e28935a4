import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from pipelines.scores.ranked import Auc
from pipelines.tasks.reading import Reading

LOGITS, LABELS = torch.arange(60.0).sin().view(20, 3), torch.arange(20) * 7 % 3


def value_of(outputs: Tensor, targets: Tensor, reading: Reading) -> float:
    rows = Auc().rows(outputs, targets, reading, False).values
    return Auc().value(rows, np.ones(len(rows)))


def test_of_several_classes_it_is_the_mean_of_each_against_the_rest() -> None:
    known = roc_auc_score(LABELS, LOGITS.double().softmax(1), multi_class="ovr")
    assert value_of(LOGITS, LABELS, Reading()) == pytest.approx(known)


def test_of_labels_it_is_the_mean_over_them() -> None:
    outputs, targets = torch.tensor([[0.1, 5.0], [0.2, 4.0]]), torch.tensor([[0, 0], [1, 1]])
    assert value_of(outputs, targets, Reading("labels")) == pytest.approx((1 + 0) / 2)


def test_of_one_class_it_is_no_number() -> None:
    assert np.isnan(value_of(LOGITS, torch.zeros(20, dtype=torch.long), Reading()))
