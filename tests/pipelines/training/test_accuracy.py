from dataclasses import replace

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.training.accuracy import network_accuracy
from pipelines.training.context import Context


class Brighter(nn.Module):
    """Knows the answer for all but the first examples of a batch."""

    def __init__(self, wrong: int) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = x[..., :4].mean((1, 2, 3)), x[..., 4:].mean((1, 2, 3))
        answer = torch.stack([left, right], dim=1)
        answer[: self.wrong] = answer[: self.wrong].flip(1)
        return answer


@pytest.mark.parametrize(("wrong", "expected"), [(0, 1.0), (4, 0.75), (16, 0.0)])
def test_it_is_the_share_of_right_answers(context: Context, wrong: int, expected: float) -> None:
    assert network_accuracy(Brighter(wrong), context) == expected


def test_it_is_of_the_split_that_was_asked_for(context: Context, tiny) -> None:
    asked = []

    class Watched(type(tiny)):
        def batches(self, split):
            asked.append(split)
            return super().batches(split)

        def score(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return torch.full((len(targets),), 0.25)

    watched = replace(context, task=Watched())
    assert network_accuracy(Brighter(0), watched) == 0.25
    assert network_accuracy(Brighter(0), watched, "calibration") == 0.25
    assert asked == ["validation", "calibration"]


def test_an_empty_split_fails_the_trial(context: Context, tiny) -> None:
    class Empty(type(tiny)):
        def batches(self, split):
            return []

    with pytest.raises(TrialFailed, match="the validation split has no batches"):
        network_accuracy(Brighter(0), replace(context, task=Empty()))
