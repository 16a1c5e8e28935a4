"""Twenty SIGKILLs at random moments of one sweep: its driver, its workers, Ray's own processes.

The moments are drawn anew each time. What a failure prints goes on: ``SURVIVAL_SEED=17 pytest -m slow -k survives``.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from mlflow.tracking import MlflowClient

from pipelines import Store
from search.study.study import read_trials
from search.study.workspace import Workspace
from search.tracking.client import NUMBER, PARENT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")]
ROOT = Path(__file__).parents[2]

TASK = """
import torch
from torch import nn


class Dots:
    def teacher(self):
        return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))

    def student(self, depth):
        hidden = [layer for _ in range(depth) for layer in (nn.Linear(32, 32), nn.ReLU())]
        return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), *hidden, nn.Linear(32, 2))

    def batches(self, split):
        inputs = torch.randn(256, 8, generator=torch.Generator().manual_seed(len(split)))
        return list(zip(inputs.split(32), (inputs[:, :4].sum(dim=1) > 0).long().split(32)))

    def example_input(self):
        return torch.zeros(1, 8)
"""

SWEEP = {
    "sweep": "dots",
    "task": {"use": "dots:Dots"},
    "space": {
        "student": {"depth": ["none", 1, 2, 3, 4]},
        "distillation": {"alpha": [0.0, 0.5], "temperature": [1, 2]},
        "pruning": {"method": ["none", "channel"], "ratio": [0.25, 0.5, 0.75]},
        "quantization": {"scheme": ["none", "static-int8", "fp16"]},
    },
    "objectives": {"accuracy": "maximize", "latency_ms": "minimize", "size_mb": "minimize"},
    "training": {"teacher_epochs": 2, "student_epochs": 2, "finetune_epochs": 1},
    "search": {"sampler": "random", "trials": 8, "seed": 0},
    "cluster": {"max_concurrent_trials": 2},
}

DRIVER, WORKER, SERVER, RAYLET, OTHER = "driver", "worker", "gcs_server", "raylet", "another of Ray's"
KILLS = [DRIVER] * 6 + [WORKER] * 8 + [SERVER] * 2 + [RAYLET] * 2 + [OTHER] * 2
OTHERS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent", "ray::IDLE", "log_monitor.py", "dashboard.py", "monitor.py")

PATIENCE_S = 600.0
"""What takes longer hangs. Ray gives its lost server up after a minute."""


class Survivor:
    """One sweep's command, started as often as needed, and all that belongs to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workspace = folder, Workspace(folder / "home")
        self.sweep = self.workspace.sweep("dots")
        (folder / "dots.py").write_text(TASK, encoding="utf-8")
        (folder / "dots.yaml").write_text(yaml.safe_dump(SWEEP, sort_keys=False), encoding="utf-8")
        self.sessions: list[int] = []
        self.seen = 0
        self.complete: dict[int, object] = {}
        self.entries: dict[str, str] = {}
        self.driver = self.start()

    def start(self, more: int = 8) -> subprocess.Popen:
        """Run the command, for some trials more than there are."""
        trials = len(read_trials(self.sweep)) + more
        log = self.folder / f"{len(self.sessions)}.log"
        with log.open("w") as stream:
            self.driver = subprocess.Popen(
                [sys.executable, "-m", "search.cli.app", "run", "dots.yaml", "-o", f"search.trials={trials}"],
                cwd=self.folder,
                env={**os.environ, "PAREDOWN_HOME": str(self.workspace.root), "PYTHONPATH": str(ROOT)},
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.log = log
        self.sessions.append(self.driver.pid)
        return self.driver

    def finished(self) -> int:
        """How many trials have ended."""
        return sum(trial.state != "running" for trial in read_trials(self.sweep))

    def ended(self) -> bool:
        """Whether the driver has come to an end by itself: done, or with a message."""
        if self.driver.poll() is None:
            return False
        said = self.log.read_text()
        assert self.driver.returncode in (0, 1), said
        assert "Traceback" not in said, said
        assert said.strip()
        return True

    def victims(self, kind: str) -> list[int]:
        """Living processes of the present driver's that are of the `kind`."""
        if kind == DRIVER:
            return [self.driver.pid]
        running = processes(self.driver.pid).items()
        if kind == WORKER:
            return [pid for pid, line in running if line.startswith("ray::") and not line.startswith(OTHERS)]
        names = OTHERS if kind == OTHER else (f"/{kind}",)
        return [pid for pid, line in running if any(name in line for name in names)]

    def kill(self, kind: str, after_s: float) -> None:
        """Kill one of the `kind`, some time after there is one; a worker, when a trial has ended since the last kill.

        A trial whose worker dies twice has failed, and so would most if workers died before they had done anything.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if self.ended():
                self.start()
            if self.victims(kind) and (kind != WORKER or self.finished() > self.seen):
                time.sleep(after_s)
                if found := self.victims(kind):
                    break
            assert time.monotonic() < deadline, f"no {kind} came: {processes(self.driver.pid)}"
            time.sleep(0.1)
        os.kill(random.choice(found), signal.SIGKILL)
        self.seen = self.finished()
        if kind == DRIVER:
            self.driver.wait()
            assert not self.sweep.is_running()
            self.check()
            self.start()
        self.check()

    def check(self) -> None:
        """What was finished stays as it was: trials, and results of stages."""
        trials = {trial.number: trial for trial in read_trials(self.sweep) if trial.state == "complete"}
        assert {number: trials.get(number) for number in self.complete} == self.complete
        entries = {
            path.parent.name: path.read_text() for path in self.workspace.store.glob("entries/*/*/manifest.json")
        }
        assert {key: entries.get(key) for key in self.entries} == self.entries
        self.complete, self.entries = trials, entries

    def left(self) -> dict[int, str]:
        """Living processes of all drivers'."""
        return {pid: line for session in self.sessions for pid, line in processes(session).items()}

    def end(self) -> None:
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)
        self.driver.wait()


def processes(session: int) -> dict[int, str]:
    """The command lines of all living processes of a session, by id; see proc(5)."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(of) == session and state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue  # it has just ended
    return found


@pytest.fixture
def survivor(tmp_path):
    made = Survivor(tmp_path)
    yield made
    made.end()


def test_a_sweep_survives_twenty_kills(survivor) -> None:
    seed = int(os.environ.get("SURVIVAL_SEED", time.time_ns() % 10**6))
    print(f"SURVIVAL_SEED={seed}")
    random.seed(seed)
    for kind in random.sample(KILLS, len(KILLS)):
        after_s = random.uniform(0, 12 if kind == DRIVER else 2)
        print(f"{time.strftime('%X')} {kind} {after_s:.1f} s after it was there; {len(survivor.complete)} complete")
        survivor.kill(kind, after_s)
    deadline = time.monotonic() + PATIENCE_S
    while not (survivor.ended() and survivor.driver.returncode == 0):
        assert time.monotonic() < deadline, survivor.log.read_text()
        if survivor.driver.poll() == 1:
            survivor.start(more=2)
        time.sleep(0.2)
    survivor.check()

    trials = read_trials(survivor.sweep)
    failed = [trial.failure.reason for trial in trials if trial.state == "failed"]
    assert {trial.state for trial in trials} <= {"complete", "failed"}
    assert all(reason.startswith("the worker died twice over this trial") for reason in failed)
    assert len(failed) <= KILLS.count(WORKER) // 2
    journal = [json.loads(line) for line in survivor.sweep.journal.read_text().splitlines()]
    ends = Counter(entry["trial_id"] for entry in journal if entry["op_code"] == 6)  # SET_TRIAL_STATE_VALUES
    assert ends == Counter(range(len(trials)))
    assert not survivor.sweep.is_running()
    assert list(survivor.sweep.results.iterdir()) == []

    computed = Counter(
        stage.key for trial in trials if trial.result for stage in trial.result.stages if not stage.reused
    )
    assert set(computed.values()) == {1}
    store = Store(survivor.workspace.store)
    assert all(store.get(path.name) for path in survivor.workspace.store.glob("entries/*/*"))

    client = MlflowClient(survivor.workspace.tracking_uri)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    children = {int(run.data.tags[NUMBER]): run for run in runs if PARENT in run.data.tags}
    (parent,) = (run for run in runs if PARENT not in run.data.tags)
    assert parent.info.status == "FINISHED"
    assert len(runs) == 1 + len(trials) == 1 + len(children)
    for trial in trials:
        run = children[trial.number]
        assert run.info.status == ("FINISHED" if trial.state == "complete" else "FAILED")
        assert {name: run.data.metrics[name] for name in SWEEP["objectives"] if trial.metrics} == {
            name: trial.metrics[name] for name in SWEEP["objectives"] if trial.metrics
        }

    # Two of Ray's agents try for a minute to tell its server, which is gone as well, that their raylet has died.
    deadline = time.monotonic() + PATIENCE_S
    while left := survivor.left():
        assert time.monotonic() < deadline, left
        time.sleep(0.5)
