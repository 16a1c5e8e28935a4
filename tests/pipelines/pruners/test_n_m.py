import re

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import IMPORTANCES, L2
from pipelines.pruners import NMPruner, PruningRequest
from pipelines.pruners.n_m import PATTERN, PATTERNS

PRUNER = NMPruner()


def cut(model: nn.Module, example: torch.Tensor, pattern: str, ratio: float | dict[str, float] = 1.0) -> PruningRequest:
    return PruningRequest(example, ratio, PRUNER.sizes(model, example), L2(), {"pattern": pattern})


def test_of_four_neighbours_along_the_inputs_the_two_largest_stay() -> None:
    model = nn.Sequential(nn.Linear(8, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -4, 3, 2, 8, -7, 6, -5]]))
    PRUNER.prune(model, cut(model, torch.zeros(1, 8), "2:4"))
    assert model[0].weight.tolist() == [[0, -4, 3, 0, 8, -7, 0, 0]]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("importance", ["l2", "random"])
def test_every_group_has_exactly_the_pattern(networks: dict, pattern: str, importance: str) -> None:
    n, m = map(int, pattern.split(":"))
    for make, example in networks.values():
        model = make()
        history = PRUNER.prune(
            model,
            PruningRequest(example, 1.0, PRUNER.sizes(model, example), IMPORTANCES[importance], {"pattern": pattern}),
        )
        parameters = dict(model.named_parameters())
        for name in history["weights"]:
            inputs_last = parameters[name].movedim(1, -1)
            kept = (inputs_last.reshape(*inputs_last.shape[:-1], -1, m) != 0).sum(-1)
            assert (kept == n).all()
        dense = {name for name, p in parameters.items() if p.dim() > 1 and not (p == 0).any()} - {"positions"}
        assert all(parameters[name].shape[1] % m for name in dense)


def test_a_layer_with_an_odd_number_of_inputs_stays_dense() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3))
    example = torch.zeros(1, 6)
    assert PRUNER.prune(model, cut(model, example, "2:4"))["weights"] == ["1.weight"]
    assert PRUNER.prune(model, cut(model, example, "1:2"))["weights"] == ["0.weight", "1.weight"]


def test_layers_that_are_not_named_stay_dense() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    assert PRUNER.prune(model, cut(model, torch.zeros(1, 8), "2:4", {"1": 0.5}))["weights"] == ["1.weight"]


def test_a_network_of_odd_widths_is_told() -> None:
    model, example = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)), torch.zeros(1, 3)
    reason = "no layer of the network has a number of inputs that is a multiple of {}"
    assert PRUNER.problem(model, example) == reason.format(2)
    with pytest.raises(TrialFailed, match=re.escape(reason.format(4))):
        PRUNER.prune(nn.Sequential(nn.Linear(6, 2)), PruningRequest(torch.zeros(1, 6), 1.0, {}, L2()))


def test_an_unknown_pattern_is_told_with_those_that_there_are() -> None:
    assert PATTERN.domain.problem("3:4") == "'3:4' is not known (did you mean '2:4'?); legal: 2:4, 1:4, 1:2, 4:8"


def test_its_label_is_the_pattern() -> None:
    assert PRUNER.label({}) == "2:4"
    assert PRUNER.label({"pattern": "1:4"}) == "1:4"
