import csv
import json
from dataclasses import dataclass

import pytest
from mlflow.tracking import MlflowClient

from pipelines import Evaluation, Target, Targets, TrialFailed, extra
from pipelines.meters import Measurement
from search.analysis.remeasurement import Remeasurement
from search.execution.executor import InlineExecutor
from search.sweep import run_sweep
from search.tracking.client import NUMBER, PARENT


@dataclass(frozen=True)
class Fake:
    """Measures with `analytic`: twice as long in OpenVINO, which does not run what is not quantized."""

    work: object
    targets: Targets

    def __call__(self, recipe):
        slow = self.targets.first.runtime == "openvino"
        if slow and not recipe.steps:
            raise TrialFailed("OpenVINO cannot load the file")
        found = self.work(recipe).measurement.metrics
        metrics = {**found, "latency_ms": found["latency_ms"] * (1 + slow)}
        sure = {"latency_ms": (metrics["latency_ms"] * 0.9, metrics["latency_ms"] * 1.1)}
        return Evaluation(Measurement(metrics, sure), (), "m")


@pytest.fixture
def sweep(make_config, run_inline, analytic, monkeypatch):
    fake = Fake(analytic, Targets())
    monkeypatch.setattr("search.study.saved.stored_evaluator", lambda sweep, workspace: fake)
    return run_inline(make_config(search={"trials": 8}, space={"student": {"depth": ["none", 1]}}))


def kept(workspace) -> list[Remeasurement]:
    return [Remeasurement.read(path) for path in sorted(workspace.sweep("small").measurements.glob("*.json"))]


def test_the_front_is_measured_again_and_shown_beside_what_it_was(sweep, cli_run, workspace, tmp_path) -> None:
    journal = workspace.sweep("small").journal.read_bytes()
    code, out, err = cli_run("measure", "small", "--csv", tmp_path / "a.csv")
    assert code == 0, err
    assert "Measured again: onnxruntime on cpu, batch 1, 1 thread" in out
    assert "stays" in out
    assert "as searched" in out
    assert "wrote" in err
    (remeasurement,) = kept(workspace)
    members = {trial.number for trial in sweep.state.front.members}
    assert members | {0} <= {result.number for result in remeasurement.results}
    with (tmp_path / "a.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {int(row["trial"]) for row in rows} == {result.number for result in remeasurement.results}
    assert all(row["latency_ms.before"] == row["latency_ms.after"] for row in rows)
    assert workspace.sweep("small").journal.read_bytes() == journal
    client = MlflowClient(workspace.tracking_uri)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    for run in runs:
        if PARENT in run.data.tags and int(run.data.tags[NUMBER]) in members:
            assert run.data.metrics["p_front"] > 0.05
            assert run.data.metrics["remeasured/latency_ms"] == pytest.approx(run.data.metrics["latency_ms"])
    assert "p(front)" in cli_run("front", "small")[1]
    front = json.loads(cli_run("front", "small", "--json")[1])["front"]
    assert all(trial["p_front"] > 0.05 and "remeasured" in trial for trial in front)


def test_for_another_target(sweep, cli_run, workspace) -> None:
    code, out, err = cli_run("measure", "small", "--runtime", "openvino", "--batch", "8", "--all", "--json")
    assert code == 0, err
    data = json.loads(out)
    assert data["sweep"] == "small"
    assert data["target"] == {"runtime": "openvino", "device": "cpu", "batch": 8, "threads": 1}
    assert len(data["trials"]) == len(sweep.trials)
    assert "openvino" in data["versions"]
    for trial in data["trials"]:
        if trial["front"] == "failed":
            assert (trial["trial"], trial["reason"]) == (0, "OpenVINO cannot load the file")
        else:
            assert trial["after"]["latency_ms"] == pytest.approx(2 * trial["before"]["latency_ms"])
    assert data["trials"][0]["trial"] == 0
    assert kept(workspace)[0].targets.first == Target(runtime="openvino", batch=8)
    assert "remeasured" not in json.loads(cli_run("front", "small", "--json")[1])["front"][0]
    assert "failed: OpenVINO cannot load the file" in " ".join(
        cli_run("measure", "small", "--runtime", "openvino")[1].split()
    ).replace("│ ", "")


def test_every_measurement_is_told_before_it_begins(sweep, cli_run) -> None:
    _, _, err = cli_run("measure", "small")
    lines = [line for line in err.splitlines() if line.startswith("[")]
    assert lines[0].startswith(f"[1/{len(lines)}] onnxruntime: trial ")
    assert len(lines) % 3 == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--runtime", "openvin"], "--runtime: 'openvin' is not known (did you mean 'openvino'?)"),
        (["--csv", "absent/a.csv"], "--csv: folder absent does not exist"),
        (["--device", "gpu"], "--device: 'gpu' is not known (did you mean 'cpu'?); legal: cpu, cuda"),
        (["--runtime", "openvino", "--device", "cuda"], "--device: 'cuda' is not known; legal: cpu"),
        (["--test", "--batch", "8"], "--test: the test split is for the sweep's own target"),
    ],
)
def test_wrong_options_are_told(sweep, cli_run, workspace, arguments, told) -> None:
    code, out, err = cli_run("measure", "small", *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert kept(workspace) == []


def test_a_device_that_is_not_there_is_told_before_anything_is_measured(sweep, cli_run, workspace, monkeypatch) -> None:
    monkeypatch.setattr("pipelines.suitability.Gpu.visible", no_gpu)
    code, _, err = cli_run("measure", "small", "--runtime", "torch", "--device", "cuda")
    assert code == 2
    assert "--device: 'cuda': this machine has no NVIDIA GPU" in err
    assert kept(workspace) == []


def no_gpu() -> None:
    raise TrialFailed("this machine has no NVIDIA GPU")


def test_files_of_another_format_are_measured_too(sweep, cli_run, workspace) -> None:
    code, out, err = cli_run("measure", "small", "--runtime", "torch")
    assert code == 0, err
    assert "Measured again: torch on cpu, batch 1, 1 thread" in out


def test_a_runtime_that_is_not_installed_is_told(sweep, cli_run, monkeypatch) -> None:
    real = extra.version

    def partly(name: str) -> str:
        if name == "openvino":
            raise extra.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(extra, "version", partly)
    code, _, err = cli_run("measure", "small", "--runtime", "openvino")
    assert code == 2
    assert "--runtime: 'openvino' needs the package openvino" in err
    assert "pip install -e '.[openvino]'" in err


def test_nothing_to_measure_is_told(make_config, run_inline, cli_run, failing) -> None:
    run_inline(make_config(search={"trials": 1}), failing)
    code, _, err = cli_run("measure", "small")
    assert code == 1
    assert "no trial of 'small' is complete" in err


def test_a_sweep_at_work_is_measured_with_a_warning(sweep, cli_run, workspace) -> None:
    with workspace.sweep("small").lock():
        code, _, err = cli_run("measure", "small")
    assert code == 0
    assert "is running: its trials disturb what is measured now" in err


@pytest.mark.slow
def test_the_test_split_is_opened_for_the_front_on_demand(guarded, with_mlflow, cli_run) -> None:
    sweep = run_sweep(guarded(may_open=True), with_mlflow, executor=InlineExecutor())
    code, out, err = cli_run("measure", "small", "--test", "--json")
    assert code == 0, err
    data = json.loads(out)
    members = [trial.number for trial in sweep.state.front.members]
    assert [found["trial"] for found in data["test"]] == members
    assert set(data["optimistic"]) | set(data["pessimistic"]) <= set(members)
    code, out, err = cli_run("measure", "small", "--test")
    assert "The front on the test split" in out
    assert "a second validation split" in " ".join(err.split())


def test_without_being_asked_it_leaves_the_test_split_shut(guarded, with_mlflow, cli_run) -> None:
    sweep = run_sweep(guarded(), with_mlflow, executor=InlineExecutor())
    code, out, err = cli_run("measure", "small", "--json")
    assert code == 0, err
    assert sweep.state.front.members
    assert "test" not in json.loads(out)
    assert not with_mlflow.sweep("small").held_out.exists()
