from types import SimpleNamespace

import pytest
import torch

from pipelines.meters import score_split, wilson


class Fixed:
    """Says class 0 to everything."""

    def run(self, feed):
        return torch.tensor([[1.0, 0.0]]).repeat(len(feed["input"]), 1)


def task(targets: list[list[int]], **hooks):
    def batches(split):
        assert split == "validation"
        return [(torch.zeros(len(batch), 1), torch.tensor(batch)) for batch in targets]

    return SimpleNamespace(batches=batches, **hooks)


def test_wilsons_interval_has_its_published_values() -> None:
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson(20, 20)[1] == 1.0


def test_a_score_says_how_sure_it_is() -> None:
    score = score_split(Fixed(), task([[0, 0, 1], [0]]), "validation")
    assert (score.accuracy, score.examples) == (0.75, 4)
    assert score.interval == wilson(3, 4)


def test_a_score_that_is_no_share_has_no_interval() -> None:
    score = score_split(Fixed(), task([[0, 1]], score=lambda outputs, targets: targets + 3.0), "validation")
    assert (score.accuracy, score.interval, score.examples) == (3.5, None, 2)
