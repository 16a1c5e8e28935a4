import json
from dataclasses import replace

import pytest

from pipelines import StageRun
from pipelines.diagnosis import Examination
from pipelines.evaluator import Unmeasured
from pipelines.meters import Measurement
from search.study.outcome import Failed
from search.study.trial import Result, Trial
from spaces import Recipe
from tests.search.results import complete

FOUND = Measurement({"accuracy": 0.5}, {"accuracy": (0.4, 0.6)}, {"load": "quiet"})
RESULT = complete(
    3,
    1.5,
    2.5,
    FOUND.metrics,
    FOUND.intervals,
    FOUND.notes,
    stages=(StageRun("teacher", "k", 1.0, True),),
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
    later = Result(3, 5.0, 6.0, Failed("bad", "Traceback"))
    later.write(tmp_path)
    assert Result.read(tmp_path, 3) == later


def test_a_write_that_breaks_off_leaves_no_result(tmp_path) -> None:
    RESULT.write(tmp_path)
    broken = complete(3, 5.0, 6.0, {"a": 1.0, "b": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        broken.write(tmp_path)
    assert Result.read(tmp_path, 3) == RESULT
    with pytest.raises(TypeError):
        complete(4, 5.0, 6.0, {"b": object()}).write(tmp_path)  # type: ignore[dict-item]
    assert Result.read(tmp_path, 4) is None


def test_a_result_is_plain_data() -> None:
    assert Result.from_json(json.loads(json.dumps(RESULT.to_json()))) == RESULT


def test_numbers_are_those_of_a_complete_trial_only() -> None:
    trial = Trial(3, Recipe(), {}, "teacher", 1.0)
    assert (trial.state, trial.metrics, trial.model, trial.failure) == ("running", {}, None, None)
    complete_trial = trial.finish(RESULT)
    assert (complete_trial.metrics, complete_trial.model) == ({"accuracy": 0.5}, "m")
    failed = trial.finish(Result(3, 1.0, 2.0, Failed("bad\nand more")))
    assert (failed.metrics, failed.model) == ({}, None)
    assert failed.failure.headline == "bad"


def test_only_a_complete_trial_is_measured_again() -> None:
    trial = Trial(3, Recipe(), {}, "teacher", 1.0)
    again = Measurement({"accuracy": 0.25})
    assert trial.finish(RESULT).measured(again).measurement == again
    with pytest.raises(ValueError, match="trial 3 is not complete"):
        trial.measured(again)


def test_what_is_built_lies_beside_results_until_it_was_measured(tmp_path) -> None:
    examination = Examination("prune", ("too small",), {"size": "bigger"})
    built = replace(RESULT, unmeasured=(Unmeasured("", "own", "parent", "reference", examination),))
    built.write(tmp_path)
    assert Result.read(tmp_path, built.number) is None
    assert Result.read_built(tmp_path, built.number) == built
    RESULT.write(tmp_path)
    assert Result.read_built(tmp_path, built.number) is None
    assert Result.read(tmp_path, built.number) == RESULT
    assert "unmeasured" not in RESULT.to_json()
