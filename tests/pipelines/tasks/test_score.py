from types import SimpleNamespace

import pytest
import torch

from pipelines.errors import TrialFailed
from pipelines.tasks.score import example_scores

OUTPUTS = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])


def task_with(score=None) -> SimpleNamespace:
    return SimpleNamespace(**({"score": score} if score else {}))


def test_the_default_is_one_for_the_right_class() -> None:
    scores = example_scores(task_with(), OUTPUTS, torch.tensor([0, 1, 1]))
    assert (scores.tolist(), scores.dtype) == ([1.0, 1.0, 0.0], torch.float64)


@pytest.mark.parametrize(
    ("outputs", "targets", "shapes"),
    [
        (OUTPUTS, torch.eye(3)[:, :2], r"shape \(3, 2\) and type float32 are no classes for outputs of shape \(3, 2\)"),
        (OUTPUTS, torch.zeros(2, dtype=torch.long), r"shape \(2,\) and type int64 are no classes for .* \(3, 2\)"),
        (OUTPUTS[:, 0], torch.zeros(3, dtype=torch.long), r"no classes for outputs of shape \(3,\)"),
    ],
    ids=["one-hot", "too few", "no scores"],
)
def test_targets_that_are_no_classes_need_a_score(outputs, targets, shapes) -> None:
    with pytest.raises(TrialFailed, match=f"{shapes}, and the default accuracy compares classes; give the task a"):
        example_scores(task_with(), outputs, targets)


def test_a_tasks_own_score_is_taken() -> None:
    scores = example_scores(task_with(lambda outputs, targets: outputs[:, 0] - targets), OUTPUTS, torch.ones(3))
    assert scores.tolist() == pytest.approx([-0.1, -0.8, -0.4], abs=1e-6)


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (lambda outputs, targets: 0.5, r"gives a float, not one number per example: a tensor of shape \(3,\)"),
        (lambda outputs, targets: outputs.mean(), r"gives a tensor of shape \(\), .*; leave the mean out"),
        (lambda outputs, targets: outputs, r"gives a tensor of shape \(3, 2\), not one number per example"),
        (lambda outputs, targets: outputs[:, 0] / 0, "gives numbers that are not finite"),
    ],
    ids=["a number", "the mean", "two for each", "infinite"],
)
def test_a_score_that_is_not_one_number_per_example_fails_the_trial(score, told) -> None:
    with pytest.raises(TrialFailed, match=told):
        example_scores(task_with(score), OUTPUTS, torch.ones(3))
