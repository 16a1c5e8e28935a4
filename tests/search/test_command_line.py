"""Whole sweeps through the real command line, with real Ray, real MLflow and real training."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import yaml
from mlflow.tracking import MlflowClient

from pipelines import load_task
from pipelines.store.entry import MANIFEST
from search.study.study import read_trials
from search.study.workspace import Workspace
from search.tracking.client import NUMBER, PARENT

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]

TINY = {
    "sweep": "tiny",
    "task": {"use": "digits"},
    "space": {
        "student": {"depth": ["none", 1]},
        "distillation": {"alpha": [0.0, 0.5]},
        "pruning": {"method": ["none", "channel"], "ratio": [0.5]},
        "quantization": {"scheme": ["none", "static-int8"]},
    },
    "training": {"teacher_epochs": 1, "student_epochs": 1, "finetune_epochs": 1},
    "search": {"sampler": "tpe", "trials": 6, "seed": 0},
    "cluster": {"max_concurrent_trials": 2},
}

BROKEN = """
import os
import sys

import torch
from pipelines.tasks.digits import Digits
from torch.nn.functional import cross_entropy


def in_worker():  # not where it is tried beforehand
    return "default_worker" in sys.argv[0]


class Broken(Digits):
    def loss(self, outputs, targets):
        if in_worker():
            raise RuntimeError("nothing can be learned here")
        return cross_entropy(outputs, targets)


class Deadly(Digits):
    def loss(self, outputs, targets):
        if in_worker():
            os._exit(1)
        return cross_entropy(outputs, targets)
"""


class Sweeps:
    """The command line in a workspace of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workspace = folder, Workspace(folder / "home")
        self.environment = {**os.environ, "PAREDOWN_HOME": str(self.workspace.root), "PYTHONPATH": str(ROOT)}

    def write(self, **changes) -> str:
        path = self.folder / "tiny.yaml"
        path.write_text(yaml.safe_dump({**TINY, **changes}, sort_keys=False), encoding="utf-8")
        return str(path)

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "search.cli.app", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in out + err, err
        return process.returncode, out, err

    def json(self, *arguments: str):
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    def trials(self, name: str = "tiny"):
        return read_trials(self.workspace.sweep(name))

    def wait_for(self, count: int, process: subprocess.Popen) -> None:
        """Return as soon as `count` trials are complete, with the driver still at work."""
        deadline = time.monotonic() + 300
        while sum(trial.state == "complete" for trial in self.trials()) < count:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, f"{count} trials were not complete in time"
            time.sleep(0.05)
        assert self.workspace.sweep("tiny").is_running()

    def runs(self):
        client = MlflowClient(self.workspace.tracking_uri)
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(experiments)
        return [r for r in runs if PARENT not in r.data.tags], [r for r in runs if PARENT in r.data.tags]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A tiny sweep that has run to its end."""
    sweeps = Sweeps(tmp_path_factory.mktemp("finished"))
    code, out, err = sweeps("run", sweeps.write())
    assert code == 0, err
    return sweeps, out, err


@pytest.fixture
def sweeps(tmp_path):
    """The command line in an empty workspace."""
    return Sweeps(tmp_path)


def check_complete(sweeps: Sweeps, count: int) -> None:
    trials = sweeps.trials()
    assert [trial.state for trial in trials] == ["complete"] * count
    assert len({trial.recipe.digest for trial in trials}) == count
    (parent,), children = sweeps.runs()
    assert parent.info.status == "FINISHED"
    assert Counter(int(run.data.tags[NUMBER]) for run in children) == Counter(range(count))
    assert {run.info.status for run in children} == {"FINISHED"}
    front = {trial["trial"] for trial in sweeps.json("front", "tiny")["front"]}
    assert {int(run.data.tags[NUMBER]) for run in children if run.data.tags["pareto"] == "true"} == front


def test_a_sweep_shows_its_front_and_how_to_look_further(finished) -> None:
    sweeps, out, err = finished
    assert "Pareto front" in out
    assert "baseline" in out
    assert "paredown pick tiny" in out
    assert err.count("trial ") >= 6
    check_complete(sweeps, 6)
    assert list(sweeps.workspace.sweep("tiny").results.iterdir()) == []
    assert not sweeps.workspace.sweep("tiny").ray.exists()


def test_the_baseline_is_the_teacher_and_ratios_refer_to_it(finished) -> None:
    data = finished[0].json("front", "tiny")
    baseline = data["baseline"]
    assert (baseline["trial"], baseline["label"]) == (0, "teacher")
    assert baseline["metrics"]["size_ratio"] == 1
    assert data["front"]
    for trial in data["front"]:
        metrics = trial["metrics"]
        assert metrics["size_ratio"] == pytest.approx(metrics["size_mb"] / baseline["metrics"]["size_mb"])


def test_the_picked_file_scores_what_its_manifest_says_and_can_be_built_again(finished, tmp_path) -> None:
    sweeps = finished[0]
    out = tmp_path / "out"
    picked = sweeps.json("pick", "tiny", "--minimize", "size_mb", "--export", str(out))
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    file = out / manifest["file"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == manifest["sha256"]
    assert manifest["trial"] == picked["trial"]
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    task = load_task("digits")
    for split in ("validation", "test"):
        right = [
            session.run(None, {session.get_inputs()[0].name: x.numpy()})[0].argmax(axis=1) == y.numpy()
            for x, y in task.batches(split)
        ]
        assert np.concatenate(right).mean() == pytest.approx(manifest[f"{split}_accuracy"], abs=1e-6)
    assert manifest["metrics"]["accuracy"] == pytest.approx(manifest["validation_accuracy"], abs=1e-6)
    sizes = [trial["metrics"]["size_mb"] for trial in sweeps.json("front", "tiny")["front"]]
    assert manifest["metrics"]["size_mb"] == min(sizes) == manifest["size_bytes"] / 1e6
    again = Sweeps(tmp_path)
    built = again.json("trial", again.write(), str(out / "recipe.yaml"))
    assert not any(stage["reused"] for stage in built["stages"][1:])
    assert Path(built["file"]).read_bytes() == file.read_bytes()


def test_running_a_finished_sweep_again_does_nothing_new(finished) -> None:
    sweeps = finished[0]
    before, journal = sweeps.trials(), sweeps.workspace.sweep("tiny").journal.read_bytes()
    code, _, err = sweeps("run", sweeps.write())
    assert code == 0
    assert "6 trials finished so far" in err
    assert sweeps.trials() == before
    assert sweeps.workspace.sweep("tiny").journal.read_bytes().startswith(journal)
    check_complete(sweeps, 6)


def test_a_picked_trial_is_registered(finished) -> None:
    sweeps = finished[0]
    picked = sweeps.json("pick", "tiny", "--knee", "--register", "tiny-cpu@champion")
    client = MlflowClient(sweeps.workspace.tracking_uri)
    version = client.get_model_version_by_alias("tiny-cpu", "champion")
    assert client.get_run(version.run_id).data.tags[NUMBER] == str(picked["trial"])
    check_complete(sweeps, 6)


def test_ctrl_c_leaves_a_sweep_that_can_be_gone_on_with(sweeps) -> None:
    config = sweeps.write(search={**TINY["search"], "trials": 8})
    driver = sweeps.start("run", config)
    sweeps.wait_for(1, driver)
    driver.send_signal(signal.SIGINT)
    _, err = driver.communicate(timeout=120)
    assert driver.returncode == 130, err
    assert "interrupted; run the same command to resume" in err
    assert "Traceback" not in err
    status = sweeps.json("status", "tiny")
    assert status["state"].startswith("stopped")
    assert status["running"] == 0
    (parent,), children = sweeps.runs()
    assert parent.info.status == "KILLED"
    assert {run.info.status for run in children} <= {"FINISHED", "KILLED"}
    before = {trial.number: trial for trial in sweeps.trials() if trial.state == "complete"}
    code, _, err = sweeps("run", config)
    assert code == 0, err
    check_complete(sweeps, 8)
    assert {trial.number: trial for trial in sweeps.trials() if trial.number in before} == before


def test_a_sweep_in_which_every_trial_fails_says_why(sweeps) -> None:
    (sweeps.folder / "mine.py").write_text(BROKEN, encoding="utf-8")
    config = sweeps.write(task={"use": "mine:Broken"}, search={**TINY["search"], "trials": 3})
    code, out, err = sweeps("run", config)
    assert (code, out) == (1, "")
    assert "no trial has completed: 3 failed" in err
    assert "3x (trial 0): RuntimeError: nothing can be learned here" in err
    (parent,), children = sweeps.runs()
    assert parent.info.status == "FAILED"
    assert [run.info.status for run in children] == ["FAILED"] * 3
    assert {run.data.tags["failure"] for run in children} == {"RuntimeError: nothing can be learned here"}


def test_a_worker_that_dies_twice_over_a_trial_fails_it(sweeps) -> None:
    (sweeps.folder / "mine.py").write_text(BROKEN, encoding="utf-8")
    code, _, err = sweeps("run", sweeps.write(task={"use": "mine:Deadly"}, search={**TINY["search"], "trials": 1}))
    assert code == 1
    assert "no trial has completed: 1 failed" in err
    assert "the worker died twice over this trial" in err


def test_processors_that_are_not_there_are_told(sweeps) -> None:
    code, out, err = sweeps("run", sweeps.write(), "-o", "cluster.cpus_per_trial=1024")
    assert (code, out) == (2, "")
    assert "cluster.cpus_per_trial: 1024 is more than the" in err


def test_the_front_is_measured_again_after_the_search_and_for_another_runtime_without_training(finished) -> None:
    sweeps, _, err = finished
    assert "side by side" in err
    front = sweeps.json("front", "tiny")["front"]
    assert all("remeasured" in trial and 0 <= trial["p_front"] <= 1 for trial in front)
    entries = {path.name: path.stat().st_mtime_ns for path in sweeps.workspace.store.glob("entries/*/*")}
    data = sweeps.json("measure", "tiny", "--runtime", "openvino", "--batch", "8")
    found = {path: path.stat().st_mtime_ns for path in sweeps.workspace.store.glob("entries/*/*")}
    assert entries.items() <= {path.name: at for path, at in found.items()}.items()
    made = [json.loads((path / MANIFEST).read_text(encoding="utf-8")) for path in found if path.name not in entries]
    assert {entry["stage"] for entry in made} == {"score"}
    assert {trial["trial"] for trial in front} <= {trial["trial"] for trial in data["trials"]}
    for trial in data["trials"]:
        assert trial["after"]["size_mb"] == trial["before"]["size_mb"]
        assert trial["after"]["accuracy"] == pytest.approx(trial["before"]["accuracy"], abs=0.03)
        assert trial["front"] in ("stays", "leaves", "joins", "off")
    _, children = sweeps.runs()
    shown = {int(run.data.tags[NUMBER]): run.data.metrics for run in children}
    for trial in front:
        assert shown[trial["trial"]]["p_front"] == pytest.approx(trial["p_front"])
        assert "remeasured/latency_ms" in shown[trial["trial"]]
        assert "remeasured/openvino-cpu-b8-t1/latency_ms" in shown[trial["trial"]]


def test_confirming_goes_on_where_it_was_killed(finished) -> None:
    sweeps, _, _ = finished
    folder = sweeps.workspace.sweep("tiny").confirm
    command = ("confirm", "tiny", "--seeds", "2", "--trials", "0", "--trials", "1")
    driver = sweeps.start(*command)
    deadline = time.monotonic() + 300
    while not list(folder.glob("*/*.json")):
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.kill()
    driver.communicate()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/*.json")}
    assert 1 <= len(before) < 4
    data = sweeps.json(*command)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(folder.glob("*/*.json"))) == 4
    assert data["seeds"] == [1, 2]
    for trial in data["trials"]:
        assert set(trial["repeats"]) == {"1", "2"}
        assert {repeat["reason"] for repeat in trial["repeats"].values()} == {""}
        assert trial["mean"]["accuracy"] == pytest.approx(
            np.mean([repeat["metrics"]["accuracy"] for repeat in trial["repeats"].values()])
        )
    check_complete(sweeps, 6)


def test_a_bound_on_the_size_stops_trials_before_they_are_trained(sweeps) -> None:
    """The teacher has 300 kB; in floating point a student and a pruned teacher have 77, and all others less than 30."""
    config = sweeps.write(constraints={"size_mb": "<= 0.05"}, search={**TINY["search"], "trials": 8})
    code, _, err = sweeps("run", config)
    assert code == 0, err
    trials = sweeps.trials()
    stopped = [trial for trial in trials if trial.state == "stopped"]
    assert stopped
    assert {trial.state for trial in trials} == {"complete", "stopped"}
    for trial in trials:
        if trial in stopped:
            assert [step.name for step in trial.recipe.steps] in (["distil"], ["prune"])
            assert "before its training it breaks size_mb <= 0.05: size_mb is 0.077" in trial.outcome.reason
        elif trial.rungs:
            assert trial.metrics["size_mb"] <= 0.05
            assert trial.metrics["size_mb"] == pytest.approx(trial.rungs[0].measurement.metrics["size_mb"], rel=0.02)
    assert f"stopped early: {len(stopped)} of the trials" in err
    (parent,), children = sweeps.runs()
    assert parent.info.status == "FINISHED"
    killed = {int(run.data.tags[NUMBER]) for run in children if run.info.status == "KILLED"}
    assert killed == {trial.number for trial in stopped}
    assert len(children) == 8
