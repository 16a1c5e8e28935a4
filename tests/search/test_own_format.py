"""A sweep for a runtime with a format of its own, from the search to the export."""

import json
import subprocess
import sys

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from search.analysis.held_out import hold_out
from search.analysis.post_hoc import PostHoc
from search.config.objective import Objective
from search.execution.executor import InlineExecutor
from search.selection.choice import pick
from search.shipping.export import export
from search.shipping.export_bundle import ExportBundle
from search.study.saved import stored_evaluator
from search.sweep import run_sweep
from search.tracking.client import PARETO
from search.tracking.models import model_of
from search.tracking.registry import register
from tests.pipelines.formats.own import USE


@pytest.fixture
def asked(own_format, make_config):
    """A sweep of two networks of linear layers, of which one is the smaller."""
    return make_config(
        task={"use": USE},
        target={"runtime": "numpy"},
        training={"teacher_epochs": 10, "student_epochs": 2, "finetune_epochs": 0, "learning_rate": 0.01},
        space={
            "student": {"depth": ["none", 1]},
            "distillation": {"alpha": [0.0]},
            "pruning": {"method": ["none"]},
            "quantization": {"scheme": ["none"]},
        },
        objectives={"latency_ms": "minimize", "parameters": "minimize", "size_mb": "minimize"},
        search={"trials": 2},
    )


@pytest.mark.slow
def test_its_files_are_measured_logged_registered_and_exported(asked, with_mlflow, tmp_path) -> None:
    sweep = run_sweep(asked, with_mlflow, executor=InlineExecutor())
    assert [trial.state for trial in sweep.trials] == ["complete", "complete"]
    teacher, student = sweep.trials
    assert teacher.metrics["parameters"] == 64 * 32 + 32 + 32 * 16 + 16 + 16 * 2 + 2
    assert student.metrics["parameters"] == 64 * 16 + 16 + 16 * 2 + 2
    assert student.metrics["size_ratio"] < 1
    assert student.notes["macs"].startswith("not available: ")
    assert sweep.tracking_problem is None

    client = MlflowClient(with_mlflow.tracking_uri)
    (experiment,) = [each.experiment_id for each in client.search_experiments() if each.name == "small"]
    front = client.search_runs([experiment], f"tags.`{PARETO}` = 'true'")
    assert {model_of(client, run).model_type for run in front} == {"NumPy"}

    choice = pick(sweep.state.front, [], Objective("size_mb", "minimize"))
    folder, build = with_mlflow.sweep("small"), stored_evaluator(sweep, with_mlflow)
    file, found = hold_out(choice.trial, build, folder.held_out)
    register(asked, with_mlflow, choice.trial, file, build, "halves", "champion")
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(with_mlflow.tracking_uri)
        logged = mlflow.artifacts.download_artifacts("models:/halves@champion", dst_path=str(tmp_path / "logged"))
        signature = mlflow.models.get_model_info("models:/halves@champion").signature
    finally:
        mlflow.set_tracking_uri(before)
    assert (tmp_path / "logged" / "model.npz").read_bytes() == file.read_bytes(), logged
    assert signature.inputs.input_names() == ["input"]

    bundle, out = ExportBundle(sweep, choice, file, found, PostHoc.of(sweep, folder), build), tmp_path / "out"
    export(bundle, out)
    export(bundle, out)  # over an earlier export
    assert (out / "model.npz").read_bytes() == file.read_bytes()
    assert "numpy" in json.loads((out / "manifest.json").read_text(encoding="utf-8"))["versions"]
    assert f"`model.npz` (NumPy, {file.stat().st_size:,} bytes)" in (out / "README.md").read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, out / "run.py"], capture_output=True, text=True, check=True)
    assert np.array(done.stdout.replace("[", "").replace("]", "").split(), float).shape == (2,)
