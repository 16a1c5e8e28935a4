from dataclasses import replace

import pytest

from pipelines import StageRun
from search.study.history import History, compute_seconds
from search.study.state import SweepState


@pytest.fixture
def trials(make_trial):
    """The second ended first; each computed a second more than the one before, and reused ten."""
    made = [make_trial(number, (0.9, 4.0 - number, 2.0)) for number in range(3)]
    runs = [(StageRun("teacher", "t", 10.0, True), StageRun("export", "e", 1.0 + n, False)) for n in range(3)]
    ends = [102.0, 101.0, 103.0]
    return [
        replace(t, result=replace(t.result, stages=run, finished=end))
        for t, run, end in zip(made, runs, ends, strict=True)
    ]


def test_what_is_reused_costs_nothing(trials) -> None:
    assert [compute_seconds(trial) for trial in trials] == [1.0, 2.0, 3.0]


def test_compute_adds_up_in_the_order_in_which_trials_ended(config, trials, make_trial) -> None:
    snapshots = History([*trials, make_trial(3)], config).snapshots
    assert {count: moment.compute_s for count, moment in snapshots.items()} == {1: 2.0, 2: 3.0, 3: 6.0}
    assert [len(snapshots[count].state.front.members) for count in (1, 2, 3)] == [1, 1, 1]


def test_a_trial_that_is_told_again_costs_nothing_again(config, trials, make_trial) -> None:
    history = History(trials[:2], config)
    state = SweepState.of(trials, config)
    history.add(make_trial(3), state)
    assert sorted(history.snapshots) == [1, 2]
    history.add(trials[2], state)
    history.add(trials[2], replace(state, hypervolume=0.5))
    assert history.snapshots[3].compute_s == 6.0
    assert history.snapshots[3].state.hypervolume == 0.5
