import json

import pytest

from pipelines import Outcome, StageRun, TrialFailed
from pipelines.meters import Measurement
from search.config.objective import Constraint
from search.execution.work import run_trial
from search.study.rung import Rung
from search.study.trial import Result, Trial, structural_violations
from spaces import Recipe

FOUND = Measurement({"accuracy": 0.5}, {"accuracy": (0.4, 0.6)}, {"load": "quiet"})
RESULT = Result(
    3,
    1.5,
    2.5,
    FOUND.metrics,
    FOUND.intervals,
    FOUND.notes,
    stages=(StageRun("teacher", "k", 1.0, True),),
    model="m",
    usage={"memory_mb": ((100.0, 5.0), (110.0, 6.0))},
)


def test_a_result_is_read_as_it_was_written(tmp_path) -> None:
    folder = tmp_path / "results"
    assert Result.read(folder, 3) is None
    RESULT.write(folder)
    assert Result.read(folder, 3) == RESULT
    assert [path.name for path in folder.iterdir()] == ["3.json"]


def test_a_later_result_replaces_the_earlier_one(tmp_path) -> None:
    RESULT.write(tmp_path)
    later = Result(3, 5.0, 6.0, reason="bad", details="Traceback")
    later.write(tmp_path)
    assert Result.read(tmp_path, 3) == later


def test_a_write_that_breaks_off_leaves_no_result(tmp_path) -> None:
    RESULT.write(tmp_path)
    broken = Result(3, 5.0, 6.0, {"a": 1.0, "b": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        broken.write(tmp_path)
    assert Result.read(tmp_path, 3) == RESULT
    with pytest.raises(TypeError):
        Result(4, 5.0, 6.0, {"b": object()}).write(tmp_path)  # type: ignore[dict-item]
    assert Result.read(tmp_path, 4) is None


def test_a_result_is_plain_data() -> None:
    assert Result.from_json(json.loads(json.dumps(RESULT.to_json()))) == RESULT


def test_a_trials_state_is_that_of_its_result() -> None:
    trial = Trial(3, Recipe(), {}, "teacher", 1.0)
    assert (trial.state, trial.metrics) == ("running", {})
    assert (trial.finish(RESULT).state, trial.finish(RESULT).metrics) == ("complete", {"accuracy": 0.5})
    failed = trial.finish(Result(3, 1.0, 2.0, reason="bad"))
    assert (failed.state, failed.metrics) == ("failed", {})


def test_the_outcome_becomes_the_result() -> None:
    stages = (StageRun("teacher", "k", 1.0, True),)
    result = run_trial(3, Recipe(), lambda recipe: Outcome(FOUND, stages, "m"))
    assert (result.number, result.stages, result.model) == (3, stages, "m")
    assert Measurement(result.metrics, result.intervals, result.notes) == FOUND
    assert (result.reason, result.details) == ("", "")
    assert result.started <= result.finished


@pytest.mark.parametrize(
    ("error", "reason", "told_in_full"),
    [
        (TrialFailed("accuracy was measured as nan"), "accuracy was measured as nan", False),
        (ValueError("unlucky"), "ValueError: unlucky", True),
        (KeyError(), "KeyError", True),
        (MemoryError(), "out of memory; use a smaller batch", True),
        (RuntimeError("CUDA out of memory"), "RuntimeError: CUDA out of memory", True),
    ],
)
def test_whatever_goes_wrong_becomes_the_reason(error, reason, told_in_full) -> None:
    def evaluate(recipe):
        raise error

    result = run_trial(0, Recipe(), evaluate)
    assert result.reason.startswith(reason)
    assert ("Traceback" in result.details) is told_in_full
    assert result.metrics == {}


def test_an_interruption_is_no_failure() -> None:
    def evaluate(recipe):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(0, Recipe(), evaluate)


def test_structural_violations_are_of_the_last_rung(make_trial) -> None:
    bounds = [Constraint("size_mb", "<=", 1.0), Constraint("latency_ms", "<=", 2.0), Constraint("accuracy", ">=", 0.9)]
    stopped = make_trial(3).reach(Rung(0.0, {"accuracy": 0.1, "size_mb": 1.5, "latency_ms": 1.0}))
    assert structural_violations(stopped, bounds) == {"size_mb <= 1": 0.5, "latency_ms <= 2": -1.0}
    assert structural_violations(make_trial(3), bounds) == {}
