from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines import Target
from pipelines.errors import TrialFailed
from pipelines.meters import Accuracy, Candidate, mean_interval, split_scores
from pipelines.runtimes import Feed


class Echo:
    """A session whose output is its input."""

    def run(self, feed: Feed) -> np.ndarray:
        return feed["input"]

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        return {"output": self.run(feed)}


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
    assert split_scores(Echo(), task, "validation")[0].mean() == 0.75


def test_a_task_may_have_its_own_score() -> None:
    assert split_scores(Echo(), Scored(([LEFT, RIGHT], [2.0, 4.0])), "validation")[0] == pytest.approx([0.2, 0.4])


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
        split_scores(Echo(), task, split)


def test_scores_are_those_of_every_example_in_order() -> None:
    task, seen = Listed(([LEFT, RIGHT, LEFT], [0, 1, 1]), ([LEFT], [1])), []
    assert split_scores(Echo(), task, "validation", between=lambda: seen.append(1))[0].tolist() == [1, 1, 0, 0]
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        # Counted by hand from Wilson's formula, z = 1.959964.
        (9, 10, 0.59585, 0.98212),
        (10, 10, 0.72247, 1.0),
        (0, 10, 0.0, 0.27753),
        (970, 1000, 0.95751, 0.97890),
    ],
)
def test_the_interval_of_a_share_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    found = mean_interval(np.array([1.0] * right + [0.0] * (count - right)))
    assert found == pytest.approx((low, high), abs=2e-5)


def test_the_interval_of_other_scores_is_students() -> None:
    # Mean 2, standard deviation 1, three scores: t(0.975, 2) = 4.30265 times 1/√3.
    assert mean_interval(np.array([1.0, 2.0, 3.0])) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4)


def test_one_score_that_is_no_share_has_no_interval() -> None:
    assert mean_interval(np.array([0.3])) is None


def test_a_file_is_scored_once_whoever_asks(exported, tiny, store, monkeypatch) -> None:
    asked, passes = tiny.batches, []
    monkeypatch.setattr(tiny, "batches", lambda split: passes.append(split) or asked(split))
    own = exported.artifact
    first, second = (Accuracy().measure(Candidate(own, own, own, tiny, Target(), store)) for _ in range(2))
    assert first == second
    assert passes == ["validation"]


@pytest.mark.parametrize(
    "other", [{"fingerprint": "another"}, {"target": Target(threads=2)}], ids=["of another task", "on more threads"]
)
def test_it_is_scored_again(exported, tiny, store, monkeypatch, other: dict) -> None:
    asked, passes = tiny.batches, []
    monkeypatch.setattr(tiny, "batches", lambda split: passes.append(split) or asked(split))
    candidate = Candidate(*[exported.artifact] * 3, tiny, Target(), store)
    Accuracy().measure(candidate)
    Accuracy().measure(replace(candidate, **other))
    assert passes == ["validation"] * 2
