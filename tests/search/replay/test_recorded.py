from dataclasses import replace

import pytest

from search.errors import SweepError
from search.replay.recorded import Recorded
from search.study.outcome import Complete
from search.study.trial import Trial
from spaces import Recipe
from tests.search.simulator import SECONDS


@pytest.fixture
def unknown(sweep) -> Trial:
    tried = {trial.recipe.digest for trial in sweep.trials}
    space = sweep.config.space
    params = next(point for point in space.points() if space.recipe(point).digest not in tried)
    return Trial(99, space.recipe(params), params, "", 0.0)


def test_what_was_run_ends_as_it_did(sweep) -> None:
    world = Recorded(sweep)
    for trial in sweep.trials:
        assert world.is_known(trial.recipe)
        assert world.outcome(trial) == trial.outcome


def test_what_was_not_run_is_supposed(sweep, unknown) -> None:
    world = Recorded(sweep)
    assert not world.is_known(unknown.recipe)
    outcome = world.outcome(unknown)
    assert isinstance(outcome, Complete)
    assert outcome.measurement.metrics == world.surrogate.metrics(unknown.params)
    assert [error.metric for error in world.errors] == ["accuracy", "latency_ms", "size_mb"]


def test_what_was_supposed_once_is_not_worked_out_again(sweep, unknown, monkeypatch) -> None:
    world = Recorded(sweep)
    first = world.outcome(unknown)
    monkeypatch.delattr(world.surrogate, "_models")
    assert world.outcome(unknown) == first


def test_a_stage_takes_what_it_took_or_what_others_of_its_name_did(sweep, unknown) -> None:
    world = Recorded(sweep)
    for recipe in (*(trial.recipe for trial in sweep.trials), unknown.recipe):
        assert [world.seconds(stage) for stage in world.own(recipe)] == [SECONDS[s.name] for s in world.own(recipe)]
        assert world.measuring(recipe) == pytest.approx(SECONDS["measure"])


def test_a_recipe_needs_its_parents_file_and_the_teachers_as_well(sweep, unknown) -> None:
    world = Recorded(sweep)
    chain = world.chain(unknown.recipe)
    assert chain[: len(world.own(unknown.recipe))] == world.own(unknown.recipe)
    assert {*world.own(unknown.recipe.parent()), *world.own(Recipe())} <= set(chain)
    assert len(set(chain)) == len(chain)


def test_a_short_sweep_says_too_little_of_others(sweep) -> None:
    few = replace(sweep, trials=sweep.trials[:5])
    with pytest.raises(SweepError, match="4 compressed configurations of sweep small are complete; a replay needs 10"):
        Recorded(few)
