import shlex
from dataclasses import replace

import pytest

from search.config.objective import Constraint, Objective
from search.selection.choice import pick
from search.selection.recommended import recommended_picks
from search.study.state import SweepState
from tests.search.results import measured

ROWS = [(0.95, 4.0, 2.0), (0.945, 3.0, 1.5), (0.93, 2.0, 0.5), (0.5, 0.5, 1.9)]


@pytest.fixture
def state(config, make_trial):
    return SweepState.of([make_trial(number, row) for number, row in enumerate(ROWS)], config)


def test_the_knee_the_smallest_and_the_fastest(config, state) -> None:
    picks = {each.name: each for each in recommended_picks(config, state)}
    assert list(picks) == ["knee", "smallest within 1 point", "fastest"]
    assert [each.trial.number for each in picks.values()] == [2, 1, 3]
    assert picks["smallest within 1 point"].command == (
        'paredown pick small --where "accuracy>=0.94" --minimize size_mb --export out/'
    )
    assert picks["fastest"].command == "paredown pick small --minimize latency_ms --export out/"


def test_the_fastest_on_each_target_is_offered(make_config, make_trial) -> None:
    config = make_config(targets={"edge": {}, "server": {"batch": 8}})
    trial = make_trial(0, (0.9, 4.0, 2.0))
    trial = measured(trial, metrics={**trial.metrics, "latency_ms@edge": 4.0, "latency_ms@server": 1.0})
    picks = {each.name: each.command for each in recommended_picks(config, SweepState.of([trial], config))}
    assert picks["fastest on server"] == "paredown pick small --minimize latency_ms@server --export out/"
    assert "fastest" not in picks


def test_the_commands_give_what_they_promise(config, state) -> None:
    for each in recommended_picks(config, state):
        words = shlex.split(each.command)
        where = [Constraint.parse(words[words.index("--where") + 1])] if "--where" in words else []
        best = Objective(words[words.index("--minimize") + 1], "minimize") if "--minimize" in words else None
        assert pick(state.front, where, best).trial == each.trial


def test_without_a_baseline_or_a_near_member_there_are_fewer(config, make_trial) -> None:
    only = SweepState.of([make_trial(1, (0.5, 1.0, 1.0))], config)
    assert [each.name for each in recommended_picks(config, only)] == ["knee", "fastest"]
    assert recommended_picks(config, SweepState.of([], config)) == ()


def test_what_is_not_measured_is_not_offered(config, make_trial) -> None:
    config = replace(config, objectives=(Objective("size_mb", "minimize"),))
    trial = make_trial(0, (0.5, 1.0, 1.0))
    trial = measured(trial, metrics={"size_mb": 1.0})
    assert [each.name for each in recommended_picks(config, SweepState.of([trial], config))] == ["knee"]
