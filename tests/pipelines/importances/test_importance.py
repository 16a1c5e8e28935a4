"""The contract of every registered importance, and known answers of each."""

import re
from collections.abc import Callable

import pytest
import torch
import torch_pruning as tp
from torch import nn

from pipelines import STEPS
from pipelines.errors import TrialFailed
from pipelines.importances import GLOBAL_ONLY, IMPORTANCES, Importance, importance_of
from spaces import InputError, Options, Recipe
from tests.pipelines.technique_names import unknown_names


@pytest.fixture(params=IMPORTANCES.values(), ids=IMPORTANCES.keys())
def importance(request: pytest.FixtureRequest) -> Importance:
    return request.param


def network() -> nn.Sequential:
    """Channels of a first layer, with what depends on them, whose importances can be counted by hand."""
    model = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1, bias=False)).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1))
        model[1].weight.copy_(torch.tensor([3.0, 1.0, 2.0]))
        model[2].weight.copy_(torch.tensor([2.0, 2.0, -4.0]).view(1, 3, 1, 1))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    model[0].weight.grad[2] = 0
    return model


def group_scores(importance: Importance, model: nn.Sequential) -> torch.Tensor:
    graph = tp.DependencyGraph().build_dependency(model, torch.zeros(1, 1, 2, 2))
    return importance.of_groups()(graph.get_pruning_group(model[0], tp.prune_conv_out_channels, [0, 1, 2]))


def test_it_has_no_attribute_that_its_protocol_does_not_know(importance: Importance) -> None:
    assert unknown_names(importance, Importance) == set()


def test_it_is_registered_under_its_own_name_and_can_rank_something(importance: Importance) -> None:
    assert IMPORTANCES[importance.name] is importance
    assert importance.units
    assert importance.scopes


def test_it_ranks_each_channel_of_a_group(importance: Importance) -> None:
    assert importance.problem(network()) is None
    scores = group_scores(importance, network())
    assert scores.shape == (3,)
    assert torch.isfinite(scores).all()


def test_it_ranks_each_weight_or_says_that_it_cannot(importance: Importance) -> None:
    weight = torch.randn(4, 3, 2, 2)
    if "weight" in importance.units:
        scores = importance.of_weights(weight, torch.randn_like(weight))
        assert scores.shape == weight.shape
        assert (scores >= 0).all()
    else:
        with pytest.raises(TrialFailed, match="ranks channels, not single weights"):
            importance.of_weights(weight, None)


def test_it_can_be_asked_for_wherever_it_ranks(importance: Importance) -> None:
    for unit in ("channel", "inner", "weight"):
        legal = importance_of(unit).domain.problem(importance.name) is None
        assert legal == (unit in importance.units)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Each is the mean over (weight, scale, weight that depends on it), as a share of the mean of all three.
        ("l1", [6 / 20 * 3, 5 / 20 * 3, 9 / 20 * 3]),
        ("l2", [14 / 52 * 3, 9 / 52 * 3, 29 / 52 * 3]),
        # The sum of |weight · gradient| over the two convolutions; the gradient of the last filter is 0.
        ("taylor", [1 + 2, 2 + 2, 0 + 4]),
        # Squares 14/3, 9/3, 29/3, each over the sum of those that are not smaller.
        ("lamp", [14 / 43, 9 / 52, 1]),
        ("bn-scale", [3, 1, 2]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_group_has_the_importance_counted_by_hand(name: str, expected: list[float]) -> None:
    assert torch.allclose(group_scores(IMPORTANCES[name], network()), torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", [1, 2, 3]),
        ("l2", [1, 4, 9]),
        ("taylor", [3, 4, 3]),
        ("lamp", [1 / 14, 4 / 13, 1]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_weight_has_the_importance_counted_by_hand(name: str, expected: list[float]) -> None:
    weight, gradient = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
    assert torch.allclose(IMPORTANCES[name].of_weights(weight, gradient), torch.tensor([expected], dtype=torch.float32))


def test_lamp_of_nothing_but_zeros_is_zero() -> None:
    assert torch.equal(IMPORTANCES["lamp"].of_weights(torch.zeros(2, 2), None), torch.zeros(2, 2))


def test_chance_follows_torchs_seed_and_nothing_else() -> None:
    weights = [torch.zeros(3, 3), torch.ones(3, 3)]
    scores: list[torch.Tensor] = []
    for weight in weights:
        torch.manual_seed(0)
        scores.append(IMPORTANCES["random"].of_weights(weight, None))
    assert torch.equal(*scores)


def test_what_cannot_be_ranked_is_told_beforehand(fresh_cnn: Callable[..., nn.Module]) -> None:
    assert IMPORTANCES["bn-scale"].problem(fresh_cnn()) is None
    reason = "the network has no batch normalization with a scale; use another importance"
    assert IMPORTANCES["bn-scale"].problem(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False))) == reason
    assert group_scores(IMPORTANCES["bn-scale"], nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 1, 1))) is None
    with pytest.raises(TrialFailed, match=re.escape("needs the gradients of the loss, and this weight has none")):
        IMPORTANCES["taylor"].of_weights(torch.ones(2), None)


def test_lamp_is_ruled_out_unless_all_layers_are_ranked_together() -> None:
    for scope, refused in (("local", True), ("sensitivity", True), ("global", False)):
        assert GLOBAL_ONLY.broken_by({"pruning.scope": scope, "pruning.importance": "lamp"}, ["prune"]) == refused
    assert not GLOBAL_ONLY.broken_by({"pruning.scope": "local", "pruning.importance": "l2"}, ["prune"])
    assert importance_of("weight", scopes=("local",)).domain == Options(("l2", "l1", "taylor", "random"))


def test_a_pruner_is_refused_an_importance_that_cannot_rank_its_units() -> None:
    steps = [{"prune": {"method": "unstructured", "ratio": 0.5, "importance": "bn-scale"}}]
    with pytest.raises(InputError, match=r"pruning\.importance bn-scale: legal there: l2, l1, taylor, lamp, random"):
        Recipe.from_list(steps, STEPS)
