import pytest
import torch

from pipelines.importances import L2


def test_a_channel_has_the_mean_square_of_all_that_goes_with_it(network, group_scores) -> None:
    # (weight, scale, weight that depends on it): 1 + 9 + 4, 4 + 1 + 4, 9 + 4 + 16, as shares of the mean of all three
    assert group_scores(L2(), network).tolist() == pytest.approx([14 / 52 * 3, 9 / 52 * 3, 29 / 52 * 3])


def test_a_weight_has_its_square() -> None:
    assert L2().of_weights(torch.tensor([[1.0, -2.0, 3.0]]), None).tolist() == [[1, 4, 9]]
