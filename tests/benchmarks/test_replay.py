import math
from pathlib import Path

import pytest

from benchmarks.recording import JOBS, METRICS, as_record, recipes
from benchmarks.replay import PLAIN, STORE, WHOLE, Tape, Way, same_trials, search
from benchmarks.reuse import middle
from pipelines import STEPS, StageRun
from pipelines.meters import Measurement
from pipelines.pipeline import outline
from search.config.sweep_config import parse_config
from search.replay.record import Record
from search.study.outcome import Complete
from search.study.trial import Result, Trial
from spaces import Recipe, SearchSpace

SECONDS = {"teacher": 100.0, "distil": 10.0, "export": 1.0, "quantize": 2.0, "pack": 0.0}
MEASURING = 1.0


def record(alpha: float) -> Record:
    """Two students, each as it is and in half precision: five recipes with the teacher."""
    space = {
        "student": {"depth": [1, 2]},
        "distillation": {"alpha": alpha, "temperature": 2},
        "quantization": {"scheme": ["none", "fp16"]},
    }
    known = SearchSpace.parse(space, STEPS)
    trials = []
    for number, params in enumerate([{}, *known.points()]):
        recipe = known.recipe(params) if params else Recipe()
        stages = tuple(StageRun(stage.name, "", SECONDS[stage.name], reused=True) for stage in outline(recipe))
        metrics = dict(zip(METRICS, (0.9, 1.0, 1 / len(stages)), strict=True))
        result = Result(number, 0.0, MEASURING, Complete(Measurement(metrics), ""), stages=stages)
        trials.append(Trial(number, recipe, params, "", 0.0, result))
    return Record(parse_config({"sweep": "toy", "task": {"use": "digits"}, "space": space}), tuple(trials))


@pytest.fixture
def tape() -> Tape:
    return Tape(record(alpha=0.5))


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch) -> None:
    """Nothing is supposed here, as all recipes are in the record."""
    monkeypatch.setattr("search.replay.recorded.FEWEST", 4)


def test_what_was_measured_becomes_a_record() -> None:
    some = list(recipes(JOBS["cifar"]))[:3]
    measured = {"metrics": [0.9, 1.0, 2.0], "measuring": 1.5, "stages": [["teacher", 3.0]], "machine": "mine"}
    found = as_record("cifar", {some[0].digest: measured, some[2].digest: {"failed": "no such layer"}})
    assert [trial.recipe for trial in found.trials] == [some[0], some[2]]
    assert [trial.state for trial in found.trials] == ["complete", "failed"]
    assert found.trials[0].metrics == {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 2.0}
    assert found.about == {"recipes": 2, "of": 728, "machine": "mine"}


@pytest.mark.parametrize("name", ["fashion", "digits"])
def test_the_recorded_spaces_are_whole(name) -> None:
    tape = Tape.read(Path(__file__).parents[2] / "benchmarks" / f"reuse-{name}.json.gz")
    assert {trial.recipe for trial in tape.record.trials} == set(recipes(JOBS[name]))
    for trial in tape.record.trials:
        assert [stage.name for stage in tape.world.own(trial.recipe)] == [run.name for run in trial.result.stages]


def test_the_same_trials_cost_what_is_not_shared(tape: Tape) -> None:
    # The teacher's own: 102. Of each student, as it is 112 and in half precision 114, less what is shared: the
    # teacher's 100, the student's 10; and in Paredown the second needs 2 for quantizing and 1 for measuring.
    assert same_trials(tape, 4, seed=0) == {
        "everything retrained": 102 + 2 * (112 + 114),
        "teacher shared by hand": 102 + 2 * (12 + 14),
        "teacher and student shared by hand": 102 + 2 * (12 + 4),
        "Paredown": 102 + 2 * (12 + 3),
    }


def test_by_hand_no_teacher_is_trained_where_nothing_is_taught() -> None:
    assert same_trials(Tape(record(alpha=0.0)), 4, seed=0)["everything retrained"] == 102 + 2 * (12 + 14)


@pytest.mark.parametrize(
    ("way", "seconds"), [(PLAIN, 154), (STORE, 132), (WHOLE, 132)], ids=lambda x: getattr(x, "name", None)
)
def test_a_sweep_over_all_recipes_costs_the_same_in_any_order(tape: Tape, way: Way, seconds: float) -> None:
    run = search(tape, way, seed=0, trials=4)
    assert len(run.points) == 5
    assert run.points[-1].compute_s == run.points[-1].wall_s == seconds
    assert run.reached(run.points[-1].hypervolume) <= seconds
    assert run.reached(1e9) == math.inf


def test_workers_wait_for_each_other_only_where_nobody_looks_ahead(tape: Tape) -> None:
    waiting, ahead = (search(tape, way, seed=0, trials=4, slots=2) for way in (STORE, WHOLE))
    assert waiting.curve.waiting_s >= SECONDS["teacher"]  # the second slot begins at once and needs the teacher
    assert ahead.curve.waiting_s == 0
    assert ahead.curve.idle_s >= SECONDS["teacher"]
    assert waiting.curve.twice == ahead.curve.twice == 0
    assert waiting.points[-1].compute_s == ahead.points[-1].compute_s == 132


def test_a_median_stands_as_long_as_half_of_the_values_are_known() -> None:
    assert middle([*range(1, 16), *[math.inf] * 5]) == (10.5, 6, 15)
    assert middle([1.0, math.inf, math.inf]) == (math.inf, 1.0, math.inf)
