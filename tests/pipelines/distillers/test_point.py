import re

import pytest
import torch
from torch import nn

from pipelines.distillers import Point
from pipelines.distillers.point import last_map, penultimate, positions
from pipelines.errors import TrialFailed

IMAGE = torch.zeros(1, 1, 8, 8)
CNN = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def encoder(norm_first: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first)
    norm = nn.LayerNorm(8) if norm_first else nn.Identity()
    return nn.Sequential(nn.Flatten(1, 2), nn.Linear(8, 8), layer, norm, nn.Flatten(), nn.Linear(64, 2))


class Unordered(nn.Module):
    """Layers declared in another order than they are called in, one of them never."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body, self.spare = nn.Linear(4, 2), nn.Conv2d(1, 4, 8), nn.Linear(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).flatten(1))


@pytest.mark.parametrize(
    ("model", "module"),
    [
        (CNN, "4"),
        (Unordered(), "head"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "1"),
        (encoder(norm_first=True), "5"),
    ],
    ids=["cnn", "as called, not as declared", "no linear layer", "transformer"],
)
def test_the_embedding_goes_into_the_last_layer(model: nn.Module, module: str) -> None:
    assert penultimate(model, IMAGE) == Point(module, "input")


@pytest.mark.parametrize(
    ("model", "point"),
    [
        (CNN, Point("1")),
        (encoder(norm_first=True), Point("3", "input")),
        (encoder(norm_first=False), Point("2.norm2", "input")),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)), Point("0")),
    ],
    ids=["before the pooling to one position", "before the last norm", "before a layer's own norm", "not the outputs"],
)
def test_the_last_map_is_the_last_with_several_positions(model: nn.Module, point: Point) -> None:
    assert last_map(model, IMAGE) == point


def test_finding_a_point_leaves_the_network_as_it_was() -> None:
    for training in (True, False):
        model = CNN.train(training)
        last_map(model, IMAGE)
        assert all(module.training is training for module in model.modules())
        assert not any(module._forward_hooks for module in model.modules())


def test_networks_without_such_a_place_are_told() -> None:
    with pytest.raises(TrialFailed, match=re.escape("no feature map (N, C, H, W) and no tokens (N, tokens, C)")):
        last_map(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), IMAGE)
    with pytest.raises(TrialFailed, match="no linear layer or convolution to listen at; give the task feature_points"):
        penultimate(nn.Sequential(nn.Flatten(), nn.ReLU()), IMAGE)


def test_positions() -> None:
    shapes = [(1, 8), (1, 5, 8), (1, 8, 3, 4), (1, 8, 1, 1)]
    assert [positions(torch.zeros(shape)) for shape in shapes] == [1, 5, 12, 1]
    assert positions((torch.zeros(1, 5, 8), None)) == 1
