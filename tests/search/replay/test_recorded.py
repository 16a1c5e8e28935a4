import pytest

from search.errors import SweepError
from search.replay.recorded import Recorded
from search.study.outcome import Complete
from search.study.trial import Trial
from tests.search.simulator import chain


@pytest.fixture
def sweep(make_config, run_inline, analytic):
    """The small sweep of 30 trials."""
    return run_inline(make_config(search={"trials": 30}), analytic)


@pytest.fixture
def unknown(sweep) -> Trial:
    tried = {trial.recipe.digest for trial in sweep.trials}
    space = sweep.config.space
    params = next(point for point in space.points() if space.recipe(point).digest not in tried)
    return Trial(99, space.recipe(params), params, "", 0.0)


def test_what_was_run_ends_as_it_did(sweep) -> None:
    world = Recorded(sweep, chain, chain)
    for trial in sweep.trials:
        assert world.is_known(trial.recipe)
        assert world.outcome(trial) == trial.outcome


def test_what_was_not_run_is_supposed(sweep, unknown) -> None:
    world = Recorded(sweep, chain, chain)
    assert not world.is_known(unknown.recipe)
    outcome = world.outcome(unknown)
    assert isinstance(outcome, Complete)
    assert outcome.measurement.metrics == world.surrogate.metrics(unknown.params)
    assert [error.metric for error in world.errors] == ["accuracy", "latency_ms", "size_mb"]


def test_a_stage_takes_what_it_took_or_what_others_of_its_name_did(sweep, unknown) -> None:
    world, took = Recorded(sweep, chain, chain), {}
    for trial in sweep.trials:
        took |= {stage.key: stage.seconds for stage in trial.result.stages}
    for trial in sweep.trials:
        for stage in world.chain(trial.recipe):
            assert world.seconds(stage) == took.get(stage.key, world.seconds(stage))
    assert all(world.seconds(stage) >= 0 for stage in world.chain(unknown.recipe))


def test_a_short_sweep_says_too_little_of_others(make_config, run_inline, analytic) -> None:
    few = run_inline(make_config(search={"trials": 5}), analytic)
    with pytest.raises(SweepError, match="4 compressed configurations of sweep small are complete; a replay needs 10"):
        Recorded(few, chain, chain)
