from types import SimpleNamespace

import numpy as np
import torch

from pipelines.meters import mean_interval, score_split


class Fixed:
    """Says class 0 to everything."""

    def run(self, feed):
        return np.tile(np.float32([1, 0]), (len(feed["input"]), 1))

    def run_all(self, feed):
        return {"output": self.run(feed)}


def task(targets: list[list[int]], **hooks):
    def batches(split):
        assert split == "validation"
        return [(torch.zeros(len(batch), 1), torch.tensor(batch)) for batch in targets]

    return SimpleNamespace(batches=batches, **hooks)


def test_a_score_says_how_sure_it_is() -> None:
    score = score_split(Fixed(), task([[0, 0, 1], [0]]), "validation")
    assert (score.accuracy, score.examples) == (0.75, 4)
    assert score.interval == mean_interval(np.array([1.0, 1.0, 0.0, 1.0]))


def test_a_score_that_is_no_share_has_students_interval() -> None:
    score = score_split(Fixed(), task([[0, 1]], score=lambda outputs, targets: targets + 3.0), "validation")
    assert (score.accuracy, score.examples) == (3.5, 2)
    assert score.interval == mean_interval(np.array([3.0, 4.0]))
