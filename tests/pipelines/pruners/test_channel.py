import re

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import L2
from pipelines.pruners import ChannelPruner, PruningRequest
from pipelines.tasks.task import Inputs

EXAMPLE = torch.zeros(1, 1, 8, 8)


class Residual(nn.Module):
    """Two convolutions whose outputs are added: their channels can only go together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.body = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head(torch.relu(x + self.body(x)).mean((2, 3)))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(4, 32), nn.Linear(6, 32), nn.Linear(64, 2)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(torch.cat([self.left(left), self.right(right)], dim=1)))


def two_layers(first: int = 16, second: int = 16) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(second, 2),
    ).eval()


def cut(model: nn.Module, example: Inputs, ratio: float) -> None:
    pruner = ChannelPruner()
    pruner.prune(model, PruningRequest(example, ratio, pruner.sizes(model, example), L2()))


def widths(model: nn.Module) -> list[int]:
    return [module.weight.shape[0] for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def test_a_two_layer_network_has_the_size_counted_by_hand() -> None:
    model = two_layers()
    assert sum(p.numel() for p in model.parameters()) == (9 * 16 + 16) + (9 * 16 * 16 + 16) + (16 * 2 + 2)
    cut(model, EXAMPLE, 0.5)
    assert sum(p.numel() for p in model.parameters()) == (9 * 8 + 8) + (9 * 8 * 8 + 8) + (8 * 2 + 2)


@pytest.mark.parametrize(
    ("ratio", "kept"),
    [(0.1, [24, 56, 2]), (0.25, [24, 48, 2]), (0.5, [16, 32, 2]), (0.75, [8, 16, 2]), (0.9, [8, 8, 2])],
    ids=lambda value: f"ratio {value}" if isinstance(value, float) else "",
)
def test_kept_widths_are_multiples_of_eight_and_at_least_eight(ratio: float, kept: list[int]) -> None:
    model = two_layers(32, 64)
    cut(model, EXAMPLE, ratio)
    assert widths(model) == kept


def test_the_channels_of_least_norm_go() -> None:
    model = two_layers()
    with torch.no_grad():
        model[0].weight[1::2] *= 1e-4
        model[0].bias[1::2] = 0
        model[2].weight[:, 1::2] *= 1e-4
    strong = model[0].weight[::2].clone()
    cut(model, EXAMPLE, 0.5)
    assert torch.equal(model[0].weight, strong)


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        (Residual(32), [16, 16, 2]),
        (
            nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.Flatten(), nn.Linear(16 * 64, 24), nn.Linear(24, 2)),
            [8, 8, 2],
        ),
        (
            nn.Sequential(nn.Conv2d(1, 32, 3), nn.Conv2d(32, 32, 3, groups=32), nn.Flatten(), nn.Linear(32 * 16, 2)),
            [16, 16, 2],
        ),
        (
            nn.Sequential(nn.Conv2d(1, 32, 3), nn.Conv2d(32, 32, 3, groups=2), nn.Flatten(), nn.Linear(32 * 16, 2)),
            [16, 16, 2],
        ),
    ],
    ids=["residual", "flattened", "depthwise", "grouped"],
)
def test_what_depends_on_a_channel_goes_with_it(model: nn.Module, kept: list[int]) -> None:
    cut(model.eval(), EXAMPLE, 0.5)
    assert widths(model) == kept
    assert model(torch.zeros(3, 1, 8, 8)).shape == (3, 2)


def test_a_network_may_take_several_inputs() -> None:
    model = TwoInputs().eval()
    cut(model, (torch.zeros(1, 4), torch.zeros(1, 6)), 0.5)
    assert widths(model) == [16, 16, 2]
    assert model.head.weight.shape == (2, 32)


@pytest.mark.parametrize(
    ("model", "ratio", "reason"),
    [
        (
            two_layers(8, 8),
            0.5,
            "nothing to prune at ratio 0.5: widths are kept at multiples of 8 and the widest layer has 8 channels; "
            "use a wider network or a smaller pruning.round_to",
        ),
        (
            two_layers(16, 16),
            0.001,
            "nothing to prune at ratio 0.001: that is less than half a channel of the widest layer, which has 16",
        ),
        (nn.Flatten(), 0.5, "nothing to prune at ratio 0.5: no layer has channels that could go"),
    ],
    ids=["too narrow", "too little", "no layers"],
)
def test_a_network_that_cannot_be_pruned_fails_the_trial(model: nn.Module, ratio: float, reason: str) -> None:
    with pytest.raises(TrialFailed, match=re.escape(reason)):
        cut(model, EXAMPLE, ratio)


def test_a_cut_that_rounding_makes_another_is_told() -> None:
    model, notes = two_layers(), list[str]()
    request = PruningRequest(EXAMPLE, 0.1, ChannelPruner().sizes(model, EXAMPLE), L2(), note=notes.append)
    ChannelPruner().prune(model, request)
    assert notes == ["ratio 0.1 removes 50% of the channels, as widths are multiples of 8"]


def test_its_label_names_the_ratio() -> None:
    assert ChannelPruner().label({"ratio": 0.5}) == "ch0.5"
