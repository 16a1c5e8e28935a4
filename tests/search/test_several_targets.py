"""One sweep for two targets, from the file to the export: what every command makes of it."""

import json
import shutil

import pytest
from mlflow.tracking import MlflowClient

from pipelines import Target
from search.config.yaml_file import write_yaml
from search.study.saved import load_sweep
from search.study.workspace import Workspace

pytestmark = pytest.mark.slow

RAW = {
    "sweep": "small",
    "task": {"use": "docs.examples.tumours:Tumours"},
    "training": {"teacher_epochs": 1, "student_epochs": 1, "finetune_epochs": 0},
    "space": {
        "student": {"depth": ["none", 1]},
        "distillation": {"alpha": [0.0]},
        "pruning": {"method": ["none"]},
        "quantization": {"scheme": ["none"]},
    },
    "targets": {"edge": {}, "server": {"runtime": "openvino", "batch": 4}},
    "objectives": {"latency_ms@edge": "minimize", "latency_ms@server": "minimize", "size_mb": "minimize"},
    "search": {"trials": 2, "stopping": "none"},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory, empty_mlflow):
    workspace = Workspace(tmp_path_factory.mktemp("targets"))
    shutil.copyfile(empty_mlflow, workspace.root / "mlflow.db")
    return workspace


@pytest.fixture
def ran(home, monkeypatch, cli_run, tmp_path):
    """The sweep, which is run for the first test and only read for the others."""
    monkeypatch.setenv("PAREDOWN_HOME", str(home.root))
    if "small" not in home.sweeps():
        file = tmp_path / "small.yaml"
        file.write_text(write_yaml(RAW), encoding="utf-8")
        code, _, err = cli_run("run", str(file))
        assert code == 0, err
        assert "MLflow" not in err
    return load_sweep("small", home)


def test_every_trial_has_each_number_on_each_target_and_the_worst(ran) -> None:
    for trial in ran.trials:
        metrics = trial.metrics
        for name in ("accuracy", "latency_ms", "size_mb"):
            values = [metrics[f"{name}@{target}"] for target in ("edge", "server")]
            assert metrics[name] == (min if name == "accuracy" else max)(values)
        stages = [stage.name for stage in trial.result.computed]
        assert len(stages) == len(set(stages)), "nothing is made twice"
    assert ran.config.targets["server"] == Target("openvino", batch=4)


def test_the_front_is_measured_again_on_both(ran, cli_run) -> None:
    data = json.loads(cli_run("measure", "small", "--target", "edge", "--batch", "2", "--json")[1])
    assert data["targets"]["edge"]["batch"] == 2
    assert {"latency_ms@edge", "latency_ms@server"} <= data["trials"][0]["after"].keys()
    assert cli_run("front", "small@b2-openvino")[0] == 0


def test_one_is_picked_by_a_target_and_exported_with_a_program_for_each(ran, cli_run, tmp_path) -> None:
    out = tmp_path / "out"
    code, told, err = cli_run(
        "pick", "small", "--where", "latency_ms@edge<=1000", "--minimize", "latency_ms@server", "--export", str(out)
    )
    assert code == 0, err
    assert "latency_ms@server" in told
    data = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert data["targets"]["server"]["file"] == data["file"] == "model.onnx"
    assert {"run_edge.py", "run_server.py"} <= {path.name for path in out.iterdir()}
    assert "import openvino" in (out / "run_server.py").read_text(encoding="utf-8")
    assert cli_run("pick", "small", "--export", str(out))[0] == 0, "an earlier export gives way"


def test_a_target_that_the_sweep_does_not_have_is_told(ran, cli_run) -> None:
    code, _, err = cli_run("pick", "small", "--where", "latency_ms@egde<=1")
    assert (code, "latency_ms@egde: 'egde' is not known (did you mean 'edge'?); legal: edge, server" in err) == (
        2,
        True,
    )
    code, _, err = cli_run("measure", "small", "--batch", "2")
    assert (code, "for which target? give --target; legal: edge, server" in err) == (2, True)


def test_mlflow_has_a_metric_for_each(ran, home) -> None:
    client = MlflowClient(home.tracking_uri)
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    metrics = [run.data.metrics for run in runs if "size_mb" in run.data.metrics]
    assert len(metrics) == len(ran.trials)
    assert all({"latency_ms/edge", "latency_ms/server", "measured/accuracy"} <= found.keys() for found in metrics)
