import pytest
import torch

from pipelines.errors import TrialFailed
from pipelines.tasks.losses import top1
from pipelines.tasks.reading import IGNORED
from pipelines.tasks.score import example_scores

OUTPUTS = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])


def test_ignored_labels_are_left_out() -> None:
    assert top1(OUTPUTS, torch.tensor([1, IGNORED, 0])).tolist() == [1.0, 0.0]


def test_an_example_of_several_labels_has_the_share_that_is_right(tiny) -> None:
    outputs = torch.stack([OUTPUTS, OUTPUTS], dim=2)  # (3, 2, 2): two positions each
    targets = torch.tensor([[1, 0], [0, IGNORED], [IGNORED, IGNORED]])
    assert example_scores(tiny, outputs, targets).tolist() == [0.5, 1.0]


def test_a_score_of_the_tasks_own_is_taken_as_it_is(tiny) -> None:
    tiny.score = lambda outputs, targets: outputs.argmax(1) == targets
    found = example_scores(tiny, OUTPUTS, torch.tensor([1, 1, 1]))
    assert (found.dtype, found.tolist()) == (torch.float64, [1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            torch.tensor(0.5),
            "gives a tensor of shape (), not one number per example: a tensor of shape (3,); leave the",
        ),
        (torch.ones(3, 3), "gives a tensor of shape (3, 3), not one number per example"),
        (0.5, "gives a float, not one number per example"),
        (torch.tensor([1.0, torch.nan, 0.0]), "gives numbers that are not finite"),
    ],
    ids=["mean", "table", "number", "not finite"],
)
def test_anything_but_one_number_per_example_is_refused(tiny, score, message) -> None:
    tiny.score = lambda outputs, targets: score
    with pytest.raises(TrialFailed) as error:
        example_scores(tiny, OUTPUTS, torch.tensor([1, 1, 1]))
    assert message in error.value.reason


def test_targets_that_are_no_classes_are_refused_by_the_default(tiny) -> None:
    with pytest.raises(TrialFailed, match=r"targets of shape \(3, 1\) and type float32 are no classes for outputs"):
        example_scores(tiny, OUTPUTS, torch.ones(3, 1))
