import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import BatchNormScale


def test_a_channel_has_the_size_of_its_scale(network, group_scores) -> None:
    with torch.no_grad():
        network[1].weight[0] *= -1
    assert group_scores(BatchNormScale(), network).tolist() == [3, 1, 2]


def test_channels_without_a_scale_have_none(group_scores) -> None:
    assert group_scores(BatchNormScale(), nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 1, 1))) is None


def test_a_network_without_scales_is_told_beforehand(fresh_cnn) -> None:
    assert BatchNormScale().problem(fresh_cnn()) is None
    reason = "the network has no batch normalization with a scale; use another importance"
    assert BatchNormScale().problem(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False))) == reason


def test_single_weights_have_no_scale() -> None:
    with pytest.raises(TrialFailed, match="ranks channels, not single weights"):
        BatchNormScale().of_weights(torch.ones(2), None)
