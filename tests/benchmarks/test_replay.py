import math
from pathlib import Path

import pytest

from benchmarks.recording import METRICS, Record, Row
from benchmarks.replay import PLAIN, STORE, WHOLE, Tape, Way, same_trials, search
from benchmarks.reuse import middle
from pipelines import STEPS
from spaces import SearchSpace

SECONDS = {"teacher": 100.0, "distil": 10.0, "export": 1.0, "quantize": 2.0, "pack": 0.0}
MEASURING = 1.0


def record(alpha: float) -> Record:
    """Two students, each as it is and in half precision: five recipes with the teacher."""
    space = {
        "student": {"depth": [1, 2]},
        "distillation": {"alpha": alpha, "temperature": 2},
        "quantization": {"scheme": ["none", "fp16"]},
    }
    teacher = ("teacher", "export", "pack")
    rows = [Row({}, metrics(1.0), teacher, MEASURING)]
    for params in SearchSpace.parse(space, STEPS).points():
        student = f"{params['student.depth']}"
        whole = ("teacher", f"distil{student}", f"export{student}", f"pack{student}")
        half = (*whole[:-1], f"quantize{student}", f"pack{student}h")
        chain = whole if params["quantization.scheme"] == "none" else (*half, whole[-1])
        rows.append(Row(params, metrics(1 / len(chain)), (*chain, *teacher[1:]), MEASURING))
    keys = {key for row in rows for key in row.chain}
    names = {key: key.rstrip("h").rstrip("12") if key != "teacher" else key for key in keys}
    return Record(space, tuple(rows), {key: (name, SECONDS[name]) for key, name in names.items()}, {"task": "toy"})


def metrics(size_mb: float) -> dict[str, float]:
    return dict(zip(METRICS, (0.9, 1.0, size_mb), strict=True))


@pytest.fixture
def tape() -> Tape:
    return Tape(record(alpha=0.5))


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record(0.5).write(tmp_path / "record.json.gz")
    assert Record.read(tmp_path / "record.json.gz") == record(0.5)


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
    assert len(run.snapshots) == 5
    assert run.snapshots[-1].compute_s == run.wall_s == seconds
    assert run.reached(run.snapshots[-1].hypervolume) <= seconds
    assert run.reached(1e9) == math.inf


def test_workers_wait_for_each_other_only_where_nobody_looks_ahead(tape: Tape) -> None:
    waiting, ahead = (search(tape, way, seed=0, trials=4, slots=2) for way in (STORE, WHOLE))
    assert waiting.waiting_s >= SECONDS["teacher"]  # the second slot begins at once and needs the teacher
    assert ahead.waiting_s == 0
    assert ahead.idle_s >= SECONDS["teacher"]
    assert waiting.twice == ahead.twice == 0
    assert waiting.snapshots[-1].compute_s == ahead.snapshots[-1].compute_s == 132


def test_a_median_stands_as_long_as_half_of_the_values_are_known() -> None:
    assert middle([*range(1, 16), *[math.inf] * 5]) == (10.5, 6, 15)
    assert middle([1.0, math.inf, math.inf]) == (math.inf, 1.0, math.inf)
