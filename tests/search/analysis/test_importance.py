import pytest

from search.analysis.importance import MIN_TRIALS, importances
from search.config.sweep_config import parse_config


@pytest.fixture
def suggested(config, make_trial):
    """Every recipe of the space; accuracy depends on the student's depth alone, latency on the ratio of pruning."""

    def trial(number, params):
        accuracy = 0.6 + 0.1 * float(params["student.depth"])
        return make_trial(number, (accuracy, 4.0 - 3 * float(params.get("pruning.ratio", 0)), 1.0), params=params)

    return [trial(number, params) for number, params in enumerate(config.space.points(), start=1)]


def test_the_parameter_that_decides_comes_first(config, suggested) -> None:
    found = importances(suggested, config.objectives, config.space)
    first = {name: next(each for each in found if each.objective == name) for name in ("accuracy", "latency_ms")}
    assert first["accuracy"].parameter == "student.depth"
    assert first["accuracy"].share > 0.8
    assert first["latency_ms"].parameter == "pruning.ratio"


def test_the_shares_of_an_objective_are_one_in_all(config, suggested) -> None:
    found = importances(suggested, config.objectives, config.space)
    for objective in config.objectives:
        assert sum(each.share for each in found if each.objective == objective.name) == pytest.approx(1)
    assert {each.parameter for each in found} == {axis.name for axis in config.space.axes if len(axis.values) > 1}


def test_conditional_parameters_are_judged_where_they_apply(config, suggested) -> None:
    found = {each.parameter: each for each in importances(suggested, config.objectives, config.space)}
    assert found["student.depth"].trials == len(suggested)
    assert found["pruning.ratio"].trials == sum("pruning.ratio" in trial.params for trial in suggested) < len(suggested)


def test_few_trials_tell_nothing(config, suggested, make_trial) -> None:
    teacher, failed = make_trial(0, (0.9, 4.0, 2.0)), make_trial(99, None, "bad")
    few = suggested[: MIN_TRIALS - 1]
    assert importances([teacher, *few, failed], config.objectives, config.space) == ()
    assert importances(suggested[:MIN_TRIALS], config.objectives, config.space)


def test_a_space_without_choice_has_none(make_raw, suggested) -> None:
    config = parse_config({**make_raw(), "space": {"quantization": {"scheme": "static-int8"}}})
    assert importances(suggested, config.objectives, config.space) == ()
