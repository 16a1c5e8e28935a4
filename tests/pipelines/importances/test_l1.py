import pytest
import torch

from pipelines.importances import L1


def test_a_channel_has_the_mean_of_all_that_goes_with_it(network, group_scores) -> None:
    # (weight, scale, weight that depends on it): 1 + 3 + 2, 2 + 1 + 2, 3 + 2 + 4, as shares of the mean of all three
    assert group_scores(L1(), network).tolist() == pytest.approx([6 / 20 * 3, 5 / 20 * 3, 9 / 20 * 3])


def test_a_weight_has_its_size() -> None:
    assert L1().of_weights(torch.tensor([[1.0, -2.0, 3.0]]), None).tolist() == [[1, 2, 3]]
