import copy
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import L2
from pipelines.pruners import ChannelPruner, PruningRequest
from pipelines.pruners.sensitivity import analyse
from pipelines.training.accuracy import network_accuracy
from pipelines.training.context import Context

CHANCE = 0.5


class Points:
    """(N, 2) points; the class is the larger coordinate. Only the calibration split may be seen."""

    def batches(self, split: str) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        if split != "calibration":
            raise LookupError(f"choices are not made by the {split} split")
        points = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
        yield points, points.argmax(dim=1)

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 2)


def linear(rows: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(rows.shape[1], rows.shape[0])
    layer.weight = nn.Parameter(rows)
    nn.init.zeros_(layer.bias)
    return layer


def by_hand() -> nn.Sequential:
    """Half of layer 0 does nothing and weighs nothing. In layer 2 the half that weighs little does all the work.

    Layer 0 passes both coordinates on, 4 times each. In layer 2 the first 8 units read them with small weights and are
    read by layer 4; the other 8 read unit 0 with large weights, and nobody reads them.
    """
    first, second, third = torch.zeros(16, 2), torch.zeros(16, 16), torch.zeros(2, 16)
    for unit in range(8):
        first[unit, unit % 2] = 1.0
        second[unit, unit] = 0.1
        third[unit % 2, unit] = 0.1
    second[8:, 0] = 9.0
    return nn.Sequential(linear(first), nn.ReLU(), linear(second), nn.ReLU(), linear(third)).eval()


@pytest.fixture
def cut() -> PruningRequest:
    return PruningRequest(torch.zeros(1, 2), ratio=0.0, sizes={}, importance=L2())


@pytest.fixture
def score(context: Context):
    points = replace(context, task=Points())
    return lambda network: network_accuracy(network, points, "calibration")


def test_a_useless_half_costs_nothing_and_a_needed_one_everything(cut, score) -> None:
    found = analyse(by_hand(), ChannelPruner(), cut, [0.5], score)
    assert (found.accuracy, dict(found.sizes)) == (1.0, {"0": 16, "2": 16})
    assert found.parameters == 2 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2
    useless, needed = found.rows
    # Of layer 0 go 8 units with their 2 weights and bias each, and 8 of the 16 inputs of layer 2.
    assert (useless.layer, useless.units, useless.parameters) == ("0", 8, 8 * 3 + 8 * 16)
    assert (useless.accuracy, useless.drop, useless.note) == (1.0, 0.0, "")
    assert (needed.layer, needed.units, needed.parameters) == ("2", 8, 8 * 17 + 8 * 2)
    assert (needed.accuracy, needed.drop) == (CHANCE, 1 - CHANCE)


def test_the_network_itself_stays_as_it_is(cut, score) -> None:
    model = by_hand()
    before = copy.deepcopy(model.state_dict())
    analyse(model, ChannelPruner(), cut, [0.25, 0.5], score)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_ratios_that_round_to_one_cut_are_scored_once(cut, score) -> None:
    scored = []

    def counting(network: nn.Module) -> float:
        scored.append(network)
        return score(network)

    found = analyse(by_hand(), ChannelPruner(), cut, [0.75, 0.25, 0.5], counting)
    assert [(row.layer, row.ratio, row.units) for row in found.rows] == [
        (layer, ratio, 8) for layer in ("0", "2") for ratio in (0.25, 0.5, 0.75)
    ]
    assert len(scored) == 1 + 2  # the whole network, and each layer's one cut


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.head = nn.Linear(2, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head(x + self.body(x))


def test_layers_that_can_only_be_cut_together_are_analysed_once(cut, score) -> None:
    found = analyse(Residual().eval(), ChannelPruner(), cut, [0.5], score)
    (row,) = found.rows
    assert (row.layer, row.units) == ("stem", 8)
    # stem: 8 x (2 + 1), body: all but 8 x 8 + 8 of 16 x 16 + 16, head: 2 x 8.
    assert row.parameters == 24 + (256 + 16 - 72) + 16


class Zeroing:
    """Sets the smallest weights of the layers to zero; cannot cope with layer 2."""

    name = "zeroing"
    parameters = ()

    def sizes(self, model, example, exclude):
        return {name: module.weight.numel() for name, module in model.named_modules() if isinstance(module, nn.Linear)}

    def prune(self, model, cut):
        for name in cut.sizes:
            if name == "2" and cut.ratio_of(name):
                raise ZeroDivisionError("no such weights")
            weight = model.get_submodule(name).weight.data.view(-1)
            weight[weight.abs().argsort()[: int(len(weight) * cut.ratio_of(name))]] = 0


def test_zeros_count_as_removed_and_failures_and_idle_cuts_say_so(cut, score) -> None:
    found = analyse(by_hand(), Zeroing(), cut, [0.5, 0.9], score)
    rows = {(row.layer, row.ratio): row for row in found.rows}
    assert rows["0", 0.5].note == "the cut changes nothing"  # 16 of the 32 weights are zero from the start
    assert rows["0", 0.5].accuracy is None
    cut_row = rows["0", 0.9]
    assert (cut_row.units, cut_row.parameters) == (28 - 24, 28 - 24)
    assert rows["2", 0.5].note == "ZeroDivisionError: no such weights"
    assert (rows["2", 0.5].accuracy, rows["2", 0.5].units) == (None, 0)


def test_gradients_are_taken_once_and_given_to_every_copy(cut, score) -> None:
    taken, seen = [], []

    def gradients(model: nn.Module) -> None:
        taken.append(model)
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 7.0)

    class Watching(Zeroing):
        def prune(self, model, cut):
            cut.gradients(model)
            seen.append(all(bool((p.grad == 7).all()) for p in model.parameters()))
            super().prune(model, cut)

    cut = replace(cut, importance=SimpleNamespace(name="g", needs_gradients=True), gradients=gradients)
    model = by_hand()
    analyse(model, Watching(), cut, [0.5, 0.9], score)
    assert len(taken) == 1
    assert seen == [True] * 6
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_network_that_has_nothing_to_cut_fails_with_the_reason(cut, score) -> None:
    with pytest.raises(TrialFailed, match="nothing in the network that pruning method channel could cut"):
        analyse(nn.Sequential(nn.Linear(2, 2)).eval(), ChannelPruner(), cut, [0.5], score)


def test_outputs_that_are_not_finite_are_told_of(cut, score) -> None:
    model = by_hand()
    model[4].bias.data[0] = torch.nan
    with pytest.raises(TrialFailed, match="the network gives outputs that are not finite"):
        analyse(model, ChannelPruner(), cut, [0.5], score)


def test_progress_is_told_before_each_layer(cut, score) -> None:
    told = []
    analyse(by_hand(), ChannelPruner(), cut, [0.5], score, lambda *progress: told.append(progress))
    assert told == [("0", 0, 2), ("2", 1, 2)]
