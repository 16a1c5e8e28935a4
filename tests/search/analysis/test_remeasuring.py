from collections import Counter
from dataclasses import replace

import pytest

from pipelines import Evaluation, StageRun, Targets, TrialFailed
from pipelines.meters import Measurement
from search.analysis.remeasuring import CHEAP_S, PASSES, bounded_s, combine, remeasure, subjects
from search.study.outcome import Failed
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Result
from tests.search.results import complete


@pytest.fixture
def trials(make_trial):
    return [make_trial(n, (0.9 - n / 100, 4.0 - n, 2.0), recipe=[{"distil": {"depth": n + 1}}]) for n in range(3)]


def test_each_is_measured_once_in_each_pass_in_random_order(trials) -> None:
    seen, said = [], []

    def evaluate(recipe):
        seen.append(recipe.digest)
        return Evaluation(Measurement({"latency_ms": float(len(seen))}), (), "m")

    remeasurement = remeasure(trials, evaluate, Targets(), lambda done, total, trial: said.append((done, total)))
    digests = {trial.recipe.digest for trial in trials}
    rounds = [seen[index : index + 3] for index in range(0, 3 * PASSES, 3)]
    assert all(set(each) == digests for each in rounds)
    assert said == [(done, 3 * PASSES) for done in range(3 * PASSES)]
    assert [result.number for result in remeasurement.results] == [0, 1, 2]
    assert remeasurement.targets == Targets()
    assert remeasurement.started <= remeasurement.finished


def test_orders_differ_between_campaigns(trials) -> None:
    orders = set()

    for _ in range(20):
        order = []

        def evaluate(recipe, order=order):
            order.append(recipe.digest)
            return Evaluation(Measurement({}), (), "m")

        remeasure(trials, evaluate, Targets())
        orders.add(tuple(order))
    assert len(orders) > 10  # of 216 equally likely ones: fewer than that in 20 draws is out of the question


def result(latency: float, low: float, high: float, **changes) -> Result:
    return complete(7, 1.0, 2.0, {"latency_ms": latency, "size_mb": 1.0}, {"latency_ms": (low, high)}, **changes)


def test_passes_become_their_median_with_an_interval_that_holds_them_all() -> None:
    stages = (StageRun("export", "e", 1.0, True),)
    passes = [result(2.0, 1.9, 2.1, stages=stages), result(2.6, 2.5, 2.65), result(2.2, 2.1, 2.3)]
    found = combine(passes)
    assert found.outcome.measurement.metrics == {"latency_ms": 2.2, "size_mb": 1.0}
    assert found.outcome.measurement.intervals == {"latency_ms": (1.9, 2.65)}
    assert (found.stages, found.outcome.model, found.number) == (stages, "m", 7)


def test_what_a_pass_says_in_words_is_kept_once() -> None:
    passes = [result(2, 1, 3, notes={"noise": "none", "clock": "cpu"}), result(2, 1, 3, notes={"noise": "much"})]
    assert combine([*passes, passes[0]]).outcome.measurement.notes == {"noise": "none; much", "clock": "cpu"}


def test_one_failed_pass_fails_it() -> None:
    failed = Result(7, 3.0, 4.0, Failed("does not load", "…"))
    found = combine([result(2, 1, 3), failed, result(2, 1, 3)])
    assert found.outcome == Failed("does not load", "…")


def test_a_file_that_does_not_run_there_is_told_and_the_others_are_measured(trials) -> None:
    def evaluate(recipe):
        if recipe == trials[1].recipe:
            raise TrialFailed("OpenVINO cannot load the file")
        return Evaluation(Measurement({"latency_ms": 1.0}), (), "m")

    remeasurement = remeasure(trials, evaluate, Targets())
    assert Counter(result.outcome.state for result in remeasurement.results) == {"complete": 2, "failed": 1}
    assert remeasurement.results[1].outcome == Failed("OpenVINO cannot load the file")


def test_the_front_what_is_near_it_and_the_baseline_are_measured(config, make_trial) -> None:
    rows = [(0.5, 9.0, 9.0), (0.9, 4.0, 2.0), (0.9, 4.1, 2.0), (0.8, 4.0, 2.0), (0.7, 1.0, 1.0)]
    trials = [make_trial(n, row) for n, row in enumerate(rows)] + [make_trial(5, None, "bad"), make_trial(6)]
    sweep = Sweep(config, tuple(trials), SweepState.of(trials, config))
    assert [trial.number for trial in sweep.state.front.members] == [1, 4]
    assert [trial.number for trial in subjects(sweep, [trials[2]])] == [0, 1, 2, 4]
    assert [trial.number for trial in subjects(sweep, [], everything=True)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("search_s", "bound_s"), [(10.0, CHEAP_S), (36_000.0, 3_600.0)], ids=["a minute", "a tenth of the search"]
)
def test_it_is_bounded_to_a_share_of_the_time_that_the_search_took(config, make_trial, search_s, bound_s) -> None:
    trials = []
    for number in range(3):  # side by side: they take the time of one
        trial = make_trial(number, (0.9, 4.0, 2.0))
        trials.append(trial.finish(replace(trial.result, started=1_000.0, finished=1_000.0 + search_s)))
    assert bounded_s(Sweep(config, tuple(trials), SweepState.of(trials, config))) == bound_s


@pytest.mark.parametrize(
    ("limit_s", "count"), [(0.0, 0), (15.0, 2), (35.0, 4), (1e9, 9)], ids=["none", "a part", "one pass", "all"]
)
def test_when_time_is_over_the_front_has_been_measured_before_what_is_near_it(trials, limit_s, count) -> None:
    now, seen = [0.0], []

    def evaluate(recipe):
        now[0] += 10.0
        seen.append(next(trial.number for trial in trials if trial.recipe == recipe))
        return Evaluation(Measurement({"latency_ms": 1.0}), (), "m")

    remeasurement = remeasure(trials, evaluate, Targets(), limit_s=limit_s, first=[2], clock=lambda: now[0])
    assert len(seen) == count
    assert {result.number for result in remeasurement.results} == set(seen)
    assert seen[::3] == [2] * len(seen[::3]), "each pass of three begins with the front"
