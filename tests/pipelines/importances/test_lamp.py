import pytest
import torch

from pipelines.importances import Lamp


def test_a_channel_has_its_share_of_those_that_are_not_smaller(network, group_scores) -> None:
    # Squares 14/3, 9/3, 29/3, each over the sum of those that are not smaller.
    assert group_scores(Lamp(), network).tolist() == pytest.approx([14 / 43, 9 / 52, 1])


def test_a_weight_has_its_share_of_those_that_are_not_smaller() -> None:
    assert Lamp().of_weights(torch.tensor([[1.0, -2.0, 3.0]]), None).flatten().tolist() == pytest.approx(
        [1 / 14, 4 / 13, 1]
    )


def test_the_importance_of_nothing_but_zeros_is_zero() -> None:
    assert torch.equal(Lamp().of_weights(torch.zeros(2, 2), None), torch.zeros(2, 2))
