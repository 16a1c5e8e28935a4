import pytest

from pipelines import Target, Targets
from search.analysis.post_hoc import PostHoc
from search.analysis.remeasurement import Remeasurement
from search.study.saved import Sweep
from search.study.state import SweepState
from tests.search.results import measured

OWN = Targets()


@pytest.fixture
def sweep(config, make_trial):
    """Trial 0 is far off; 1 is on the front, and 2 is behind it by less than their intervals."""
    trials = []
    for number, latency in enumerate((9.0, 2.0, 2.02)):
        trial = make_trial(number, (0.9, latency, 2.0))
        trials.append(measured(trial, intervals={"latency_ms": (latency - 0.1, latency + 0.1)}))
    return Sweep(config, tuple(trials), SweepState.of(trials, config))


def remeasured(sweep, values, target=OWN):
    results = [
        measured(sweep.trials[n], metrics={**sweep.trials[n].metrics, "latency_ms": x}, intervals={}).result
        for n, x in values.items()
    ]
    return Remeasurement.here(target, results, 10.0, 11.0)


def test_without_a_remeasurement_the_sweeps_own_intervals_speak(sweep, folder) -> None:
    post_hoc = PostHoc.of(sweep, folder)
    assert post_hoc.remeasurement is None
    assert post_hoc.held_out == {}
    assert post_hoc.p_front[0] == 0
    assert 0.5 < post_hoc.p_front[1] < 0.8
    assert post_hoc.p_front[1] + post_hoc.p_front[2] == pytest.approx(1)
    assert [trial.number for trial in post_hoc.near] == [2]
    assert post_hoc.remeasured(1) is None


def test_a_campaign_for_the_sweeps_target_settles_it(sweep, folder) -> None:
    remeasured(sweep, {1: 2.2, 2: 2.1}).write(folder.measurements)
    post_hoc = PostHoc.of(sweep, folder)
    assert post_hoc.p_front.chances == {2: 1.0}
    assert post_hoc.near == (sweep.trials[2],)  # the study's front is as it was, and this one is off it
    assert post_hoc.remeasured(2).metrics["latency_ms"] == 2.1
    assert post_hoc.remeasured(0) is None


def test_a_campaign_for_another_target_says_nothing_of_this_one(sweep, folder) -> None:
    remeasured(sweep, {1: 9.0, 2: 1.0}, Targets.only(Target(batch=8))).write(folder.measurements)
    post_hoc = PostHoc.of(sweep, folder)
    assert post_hoc.remeasurement is None
    assert post_hoc.p_front[1] > 0.5
