"""The contract of every registered importance."""

import pytest
import torch

from pipelines import STEPS
from pipelines.errors import TrialFailed
from pipelines.importances import GLOBAL_ONLY, IMPORTANCES, Importance, importance_of
from spaces import InputError, Options, Recipe
from tests.pipelines.technique_names import unknown_names


@pytest.fixture(params=IMPORTANCES.values(), ids=IMPORTANCES.keys())
def importance(request: pytest.FixtureRequest) -> Importance:
    return request.param


def test_it_has_no_attribute_that_its_protocol_does_not_know(importance: Importance) -> None:
    assert unknown_names(importance, Importance) == set()


def test_it_is_registered_under_its_own_name_and_can_rank_something(importance: Importance) -> None:
    assert IMPORTANCES[importance.name] is importance
    assert importance.units
    assert importance.scopes


def test_it_ranks_each_channel_of_a_group(importance: Importance, network, group_scores) -> None:
    assert importance.problem(network) is None
    scores = group_scores(importance, network)
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


def test_lamp_is_ruled_out_unless_all_layers_are_ranked_together() -> None:
    for scope, refused in (("local", True), ("sensitivity", True), ("global", False)):
        assert GLOBAL_ONLY.broken_by({"pruning.scope": scope, "pruning.importance": "lamp"}, ["prune"]) == refused
    assert not GLOBAL_ONLY.broken_by({"pruning.scope": "local", "pruning.importance": "l2"}, ["prune"])
    assert importance_of("weight", scopes=("local",)).domain == Options(("l2", "l1", "taylor", "random"))


def test_a_pruner_is_refused_an_importance_that_cannot_rank_its_units() -> None:
    steps = [{"prune": {"method": "unstructured", "ratio": 0.5, "importance": "bn-scale"}}]
    with pytest.raises(InputError, match=r"pruning\.importance bn-scale: legal there: l2, l1, taylor, lamp, random"):
        Recipe.from_list(steps, STEPS)
