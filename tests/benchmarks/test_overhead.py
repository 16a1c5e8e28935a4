import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.overhead import OBJECTIVES, analytic, evaluate, in_own_process, measure_optuna, report
from spaces import Recipe


def test_a_trial_that_does_nothing_has_the_objectives_of_its_recipe() -> None:
    found = evaluate(Recipe()).measurement.metrics
    assert {name: found[name] for name in OBJECTIVES} == analytic({})
    assert analytic({"ratio": 0.5})["size_mb"] == analytic({})["size_mb"] / 2


def test_a_shorter_run_of_plain_optuna_is_the_beginning_of_the_longest(tmp_path: Path) -> None:
    rows = measure_optuna([2, 4], tmp_path)
    assert [row["trials"] for row in rows] == [2, 4]
    assert len({row["startup_s"] for row in rows}) == 1


@pytest.mark.slow
def test_a_whole_sweep_is_timed_where_its_time_goes() -> None:
    """Fails when a method that is timed has moved."""
    (row,) = in_own_process("paredown", [3])
    assert (row["system"], row["trials"]) == ("paredown", 3)
    assert row["ask_ms"] > 0
    assert row["tell_ms"] > 0
    told = io.StringIO()
    report([row], Console(file=told, width=200))
    assert "paredown" in told.getvalue()
