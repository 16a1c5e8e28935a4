"""A sweep on one machine whose files are measured on a processor that nothing else of it uses."""

import os

import pytest

from pipelines.bench.conditions import WHERE
from search.execution.own_processors import Apart
from search.sweep import run_sweep

pytestmark = pytest.mark.slow


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_files_are_measured_on_processors_of_their_own(with_mlflow, make_config, monkeypatch, caplog) -> None:
    """As where trainings run on GPUs, but for the GPUs: a rung and whole trials, which no training pauses for."""
    before = os.sched_getaffinity(0)
    own = max(before)
    apart = Apart((own,), "files are measured apart", len(before) - 1)
    monkeypatch.setattr("search.execution.ray_executor.set_apart", lambda cluster, target, gpus: apart)
    config = make_config(
        space={"student": {"depth": ["none"]}, "pruning": {"method": ["none", "channel"]}},
        training={"teacher_epochs": 1, "finetune_epochs": 3, "student_epochs": 1},
        search={"trials": 4, "stopping": "halving", "remeasure": False},
    )
    sweep = run_sweep(config, with_mlflow)
    assert {trial.state for trial in sweep.trials} <= {"complete", "stopped"}, [t.failure for t in sweep.trials]
    complete = [trial for trial in sweep.trials if trial.state == "complete"]
    assert complete
    assert all(f", processors {own}, which no training uses" in trial.notes[WHERE] for trial in complete)
    assert any(trial.rungs for trial in sweep.trials)
    assert all(trial.result.seconds["yielding"] < 1 for trial in complete)
    assert "files are measured apart" in caplog.text
    assert os.sched_getaffinity(0) == before
