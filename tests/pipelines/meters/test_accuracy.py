import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.errors import TrialFailed
from pipelines.meters import accuracy
from pipelines.runtimes import Feed


class Echo:
    """A session whose output is its input."""

    def run(self, feed: Feed) -> np.ndarray:
        return feed["input"]


class Listed:
    """A task that is nothing but its validation batches."""

    def __init__(self, *batches: tuple[list, list]) -> None:
        self._batches = [(torch.tensor(x), torch.tensor(y)) for x, y in batches]

    def batches(self, split: str) -> list:
        return self._batches if split == "validation" else []


class Scored(Listed):
    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return targets / 10


LEFT, RIGHT = [1.0, 0.0], [0.0, 1.0]


def test_it_is_the_mean_over_examples_and_not_over_batches() -> None:
    task = Listed(([LEFT, RIGHT, LEFT], [0, 1, 0]), ([LEFT], [1]))
    assert accuracy(Echo(), task, "validation") == 0.75


def test_a_task_may_have_its_own_score() -> None:
    assert accuracy(Echo(), Scored(([LEFT, RIGHT], [2.0, 4.0])), "validation") == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("task", "split", "reason"),
    [
        (Listed(), "validation", "the validation split has no batches"),
        (Listed(([LEFT], [0])), "test", "the test split has no batches"),
        (Listed(([[float("inf"), 0.0]], [0])), "validation", "outputs that are not finite on the validation split"),
    ],
    ids=["no batches", "another split", "infinite"],
)
def test_what_has_no_accuracy_fails_the_trial(task: Listed, split: str, reason: str) -> None:
    with pytest.raises(TrialFailed, match=reason):
        accuracy(Echo(), task, split)
