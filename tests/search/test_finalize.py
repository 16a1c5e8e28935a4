import pytest

from pipelines import TrialFailed
from search.analysis.remeasurement import Remeasurement
from search.errors import SweepError
from search.finalize import check_complete, finalize, report


@pytest.fixture
def counted(analytic):
    done = []

    def evaluate(recipe):
        done.append(recipe)
        return analytic(recipe)

    evaluate.done = done
    return evaluate


def remeasurements(workspace) -> list[Remeasurement]:
    return [Remeasurement.read(path) for path in workspace.sweep("small").measurements.glob("*.json")]


def test_the_front_is_measured_again_once_after_the_search(make_config, run_inline, workspace, counted, console):
    sweep = run_inline(make_config(search={"trials": 6}))
    post_hoc = finalize(sweep, workspace, console, counted)
    assert remeasurements(workspace) == [post_hoc.remeasurement]
    measured = {result.number for result in post_hoc.remeasurement.results}
    assert {trial.number for trial in sweep.state.front.members} | {0} <= measured
    said = console.file.getvalue()
    assert f"measuring {len(measured)} files" in said
    assert "side by side, up to 3 times each, for 1m at most" in said
    assert "left out" not in said
    before = len(counted.done)
    assert before == 3 * len(measured)
    assert finalize(sweep, workspace, console, counted) == post_hoc
    assert len(counted.done) == before


def test_what_there_was_no_time_for_is_told_and_does_not_begin_anew(
    make_config, run_inline, workspace, counted, console, monkeypatch
) -> None:
    monkeypatch.setattr("search.finalize.bounded_s", lambda sweep: 0.0)
    sweep = run_inline(make_config(search={"trials": 6}))
    measured = finalize(sweep, workspace, console, counted).remeasurement.results
    assert (measured, counted.done) == ((), [])
    text = " ".join(console.file.getvalue().split())
    assert "left out for want of time: " in text
    assert "files; to measure all: paredown measure small" in text
    finalize(sweep, workspace, console, counted)
    assert text == " ".join(console.file.getvalue().split())


def test_new_trials_have_it_measured_anew(make_config, run_inline, workspace, counted, console) -> None:
    first = finalize(run_inline(make_config(search={"trials": 3})), workspace, console, counted)
    again = finalize(run_inline(make_config(search={"trials": 6})), workspace, console, counted)
    assert again.remeasurement.started > first.remeasurement.started


def test_it_can_be_switched_off(make_config, run_inline, workspace, counted, console) -> None:
    sweep = run_inline(make_config(search={"trials": 6, "remeasure": False}))
    post_hoc = finalize(sweep, workspace, console, counted)
    assert counted.done == []
    assert post_hoc.remeasurement is None
    assert all(post_hoc.p_front[trial.number] == 1 for trial in sweep.state.front.members)


def test_what_mlflow_does_not_take_is_told(console) -> None:
    report(None, console)
    assert console.file.getvalue() == ""
    report("ConnectionError: away", console)
    assert "MLflow is not up to date (ConnectionError: away); what was found out is kept" in console.file.getvalue()


def test_a_sweep_in_which_nothing_worked_says_why(make_config, run_inline, failing) -> None:
    sweep = run_inline(make_config(search={"trials": 3}), failing)
    with pytest.raises(SweepError) as error:
        check_complete(sweep)
    assert str(error.value) == "no trial has completed: 3 failed:\n  3x (trial 0): ValueError: never"


def test_the_most_frequent_of_many_reasons_are_told(make_config, run_inline) -> None:
    def evaluate(recipe):
        raise TrialFailed("often" if "distil" not in str(recipe.to_list()) else recipe.digest)

    sweep = run_inline(make_config(search={"trials": 12}), evaluate)
    with pytest.raises(SweepError, match=r"and \d+ other reasons; see them: paredown status small"):
        check_complete(sweep)
