from dataclasses import replace

import pytest

from pipelines import StageRun
from search.suggest.costs import ALONE, BESIDE, MEASURE, Costs, Spread


def test_the_median_of_what_was_computed_counts(make_trial) -> None:
    trial = make_trial(1, (0.9, 1.0, 2.0))
    costs = Costs()
    for seconds, reused in ((0.5, False), (100.0, True), (0.125, False), (0.25, False)):
        stages = (StageRun("prune", "a", seconds, reused), StageRun("export", "b", 0.25, False))
        costs.learn(trial.finish(replace(trial.result, stages=stages)))
    assert costs.seconds("prune") == 0.25
    assert costs.seconds("export") == 0.25
    assert costs.seconds("teacher") is None


def test_the_rest_of_a_trial_is_measuring(make_trial) -> None:
    trial = make_trial(1, (0.9, 1.0, 2.0))  # takes one second
    stages = (StageRun("prune", "a", 0.25, False), StageRun("export", "b", 5.0, True))
    assert Costs([trial.finish(replace(trial.result, stages=stages))]).seconds(MEASURE) == pytest.approx(0.75)


def test_trials_that_did_not_end_well_teach_nothing(make_trial) -> None:
    assert Costs([make_trial(1), make_trial(2, reason="no")]).seconds(MEASURE) is None


def test_what_is_measured_alone_is_told_apart_from_what_may_run_beside_it(make_trial) -> None:
    trial = make_trial(1, (0.9, 1.0, 2.0))  # takes one second
    seconds = {"measuring": 0.25, "waiting_for_device": 0.125}
    costs = Costs([trial.finish(replace(trial.result, seconds=seconds))])
    assert costs.seconds(MEASURE) == 1.0
    assert costs.spread(ALONE) == Spread(0.25, 0.25, 0.25, 1)
    assert costs.spread(BESIDE) == Spread(0.625, 0.625, 0.625, 1)


def test_a_spread_is_the_median_with_its_quartiles() -> None:
    costs = Costs()
    for seconds in (5.0, 1.0, 2.0, 4.0, 3.0):
        costs.add("prune", seconds)
    assert costs.spread("prune") == Spread(2.0, 3.0, 4.0, 5)
    assert costs.spread("export") is None


def test_what_was_done_in_parts_counts_as_one_and_stopped_trials_do_not(make_trial) -> None:
    trial = make_trial(1, (0.9, 1.0, 2.0))
    parts, stages = (StageRun("prune", "a", 0.25, False),), (StageRun("prune", "b", 0.5, False),)
    rung_stages = replace(trial.result, stages=stages, rung_stages=parts)
    costs = Costs([trial.finish(rung_stages), trial.finish(rung_stages.stop("too large"))])
    assert costs.seconds("prune") == 0.75
    assert costs.seconds(MEASURE) == pytest.approx(0.25)
