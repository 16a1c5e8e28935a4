import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines import Target, Targets
from pipelines.meters import Score, mean_interval
from search.analysis.confirmation import confirm
from search.analysis.held_out import HeldOut, fronts_on_test, held_out, hold_out, on_test
from search.analysis.post_hoc import PostHoc
from search.analysis.remeasuring import remeasure, subjects
from search.errors import SweepError
from search.execution.executor import InlineExecutor
from search.finalize import finalize
from search.reports.table import score_cells
from search.study.saved import stored_evaluator
from search.sweep import run_sweep
from tests.search.results import measured


@pytest.mark.slow
def test_no_code_path_lets_the_search_see_the_test_split(guarded, with_mlflow, console) -> None:
    """Searching, measuring again and confirming work where the test split raises; only `hold_out` meets the guard."""
    import guarded_task

    config, folder = guarded(), with_mlflow.sweep("small")
    sweep = run_sweep(config, with_mlflow, executor=InlineExecutor())
    assert sweep.state.complete == 2
    assert finalize(sweep, with_mlflow, console).remeasurement is not None
    build = stored_evaluator(sweep, with_mlflow)
    elsewhere = replace(build, targets=Targets.only(Target(runtime="openvino", batch=4)))
    remeasurement = remeasure(subjects(sweep, (), everything=True), elsewhere, elsewhere.targets)
    assert [result.outcome.state for result in remeasurement.results] == ["complete", "complete"]
    found = confirm(sweep, with_mlflow, sweep.trials, [1], executor=InlineExecutor())
    assert [trial.state for trial in found.repeats[1]] == ["complete"] * 2
    assert {"train", "validation"} <= set(guarded_task.OPENED) <= {"train", "calibration", "validation"}
    assert not folder.held_out.exists()
    with pytest.raises(LookupError, match="a search never sees the test split"):
        hold_out(sweep.trials[0], build, folder.held_out)


def test_the_test_split_is_opened_once_for_a_trial(guarded, with_mlflow) -> None:
    import guarded_task

    config, folder = guarded(may_open=True), with_mlflow.sweep("small")
    sweep = run_sweep(config, with_mlflow, executor=InlineExecutor())
    guarded_task.OPENED.clear()
    trial, build = sweep.trials[1], stored_evaluator(sweep, with_mlflow)
    file, first = hold_out(trial, build, folder.held_out)
    assert file.is_file()
    opened = guarded_task.OPENED.count("test")
    assert opened >= 1
    assert first.validation.accuracy == pytest.approx(trial.metrics["accuracy"])
    assert first.test == first.validation  # this task has the same examples in every split
    assert first.test.interval == mean_interval(np.arange(16) < round(first.test.accuracy * 16))
    assert hold_out(trial, build, folder.held_out) == (file, first)
    assert guarded_task.OPENED.count("test") == opened
    assert held_out(folder.held_out) == {1: first}
    assert PostHoc.of(sweep, folder).held_out == {1: first}


def test_a_file_that_scores_otherwise_than_measured_is_not_shipped(guarded, with_mlflow) -> None:
    config, folder = guarded(may_open=True), with_mlflow.sweep("small")
    sweep = run_sweep(config, with_mlflow, executor=InlineExecutor())
    trial = sweep.trials[0]
    wrong = measured(trial, metrics={**trial.metrics, "accuracy": 0.123})
    with pytest.raises(SweepError, match=r"the sweep measured 0\.123000: the data, the library versions or the"):
        hold_out(wrong, stored_evaluator(sweep, with_mlflow), folder.held_out)
    assert held_out(folder.held_out) == {}


@pytest.fixture
def opened():
    return lambda number, accuracy: HeldOut(number, Score(0.9, (0.8, 0.95), 50), Score(accuracy, None, 50), 5.0)


def test_it_is_read_as_it_was_written(opened) -> None:
    assert HeldOut.from_json(json.loads(json.dumps(opened(3, 0.7).to_json()))) == opened(3, 0.7)


def test_a_trial_on_test_has_its_test_accuracy_and_all_else_as_before(make_trial, opened) -> None:
    seen = on_test(make_trial(3, (0.9, 4.0, 2.0)), opened(3, 0.7))
    assert seen.metrics == {"accuracy": 0.7, "latency_ms": 4.0, "size_mb": 2.0}
    with pytest.raises(ValueError, match="trial 4 is not complete"):
        on_test(make_trial(4), opened(4, 0.7))


def test_the_fronts_on_test_are_the_best_and_the_worst_that_can_be_picked(config, make_trial) -> None:
    """All four are on the validation front. On test, 1 dominates 2, which dominates 3; 4 is apart from them."""
    rows = [(1, (0.9, 2.0, 2.0)), (2, (0.8, 3.0, 2.0)), (3, (0.7, 3.5, 2.0)), (4, (0.95, 4.0, 4.0))]
    best, worst = fronts_on_test([make_trial(n, row) for n, row in rows], config.objectives)
    assert best == [1, 4]
    assert worst == [3, 4]


def test_a_score_is_told_with_its_interval() -> None:
    assert score_cells(Score(0.9, (0.8, 0.95), 50)) == ("0.9", "0.8–0.95", "50")
    assert score_cells(Score(3.5, None, 2))[1] == "not known"
