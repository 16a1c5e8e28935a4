"""The process that measures: what it is told and says, and what becomes of it when something goes wrong."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.bench.job import Job
from pipelines.bench.running import run_bench
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.runtimes import Artifact, Target

FEED = {"input": np.zeros((1, 1, 8, 8), np.float32)}


@pytest.fixture
def lease(tmp_path: Path) -> Lease:
    return Lease(folder=tmp_path / "leases")


@pytest.fixture
def job(exported) -> Job:
    return Job(exported.artifact, exported.artifact, exported.artifact, Path(), Target(), budget_s=0)


def test_it_finds_out_all_that_a_running_file_shows(job: Job, lease: Lease) -> None:
    report = run_bench(job, FEED, lease)
    assert {"latency_ms", "latency_ratio", "latency_vs_parent", "peak_memory_mb"} <= set(report.metrics)
    assert report.metrics["peak_memory_mb"] > 0
    assert report.notes["latency.conditions"].startswith("batch 1, 1 thread, onnxruntime ")
    assert lease.alone_s > 0


def test_energy_comes_from_the_counters_that_are_there(job: Job, lease: Lease, tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    for name, text in {"name": "package-0", "energy_uj": "5", "max_energy_range_uj": "9"}.items():
        (zone / name).write_text(text, encoding="ascii")
    assert run_bench(replace(job, powercap=tmp_path), FEED, lease).metrics["energy_mj"] == 0.0
    without = run_bench(replace(job, powercap=tmp_path / "none"), FEED, lease)
    assert "energy_mj" not in without.metrics
    assert without.notes["energy_mj"] == f"not available: this machine shows no energy counters in {tmp_path / 'none'}"


def test_there_is_no_torch_in_it() -> None:
    modules = "pipelines.bench.__main__, pipelines.bench.running"
    code = f"import sys, {modules}; print(sorted({{'torch', 'onnx', 'pydantic'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_that_does_not_load_fails_the_trial_with_the_runtimes_reason(
    job: Job, lease: Lease, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a network")
    with pytest.raises(TrialFailed, match="ONNX Runtime cannot load the file: "):
        run_bench(replace(job, artifact=Artifact(tmp_path / "model.onnx", "onnx")), FEED, lease)


def test_a_file_that_does_not_run_fails_the_trial_with_the_runtimes_reason(job: Job, lease: Lease) -> None:
    with pytest.raises(TrialFailed, match=r"running the file raised InvalidArgument: .*Got: 2 Expected: 1"):
        run_bench(job, {"input": np.zeros((1, 2, 8, 8), np.float32)}, lease)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "echo ready; read line; echo one >&2; echo 'terminate called' >&2; exit 3",
            "exit code 3: one [|] terminate called",
        ),
        ("kill -SEGV $$", "signal SIGSEGV: it said nothing"),
        ("kill -KILL $$", "signal SIGKILL: it was killed by another process"),
        ("echo hello; exit 0", "exit code 0: it said nothing"),
    ],
)
def test_a_crash_fails_the_trial_with_its_last_words(
    job: Job, lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(TrialFailed, match=f"the process that measures ended with {reason}"):
        run_bench(job, FEED, lease)
    with lease.alone():
        pass


def test_more_threads_than_this_machine_has_processors_are_refused(job: Job, lease: Lease) -> None:
    with pytest.raises(
        TrialFailed, match=r"^target\.threads: 1000000 is more than the \d+ processors? that can be used here"
    ):
        run_bench(replace(job, target=Target(threads=1_000_000)), FEED, lease)


def test_what_it_has_started_ends_with_it(
    job: Job, lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, child = tmp_path / "python", tmp_path / "child"
    program.write_text(f"#!/bin/sh\ntrap '' TERM\nsleep 600 & echo $! > {child}\nwait\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(TrialFailed, match="took more than"):
        run_bench(job, FEED, lease, timeout_s=1)
    patience = time.monotonic() + 60
    while alive(int(child.read_text())):
        assert time.monotonic() < patience, "it lives on"
        time.sleep(0.01)


def test_a_process_that_was_killed_is_started_once_more(
    job: Job, lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What kills a worker's processes may reach this one first: the worker must not tell of want of memory then."""
    program, killed = tmp_path / "python", tmp_path / "killed"
    program.write_text(
        f'#!/bin/sh\n[ -e {killed} ] || {{ touch {killed}; kill -KILL $$; }}\nexec {sys.executable} "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    assert run_bench(job, FEED, lease).metrics["latency_ms"] > 0
    assert killed.exists()


def test_taking_too_long_fails_the_trial(job: Job, lease: Lease) -> None:
    message = "loading the files in a process of its own took more than 0 s, many times what such files take"
    with pytest.raises(TrialFailed, match=message):
        run_bench(job, FEED, lease, timeout_s=0.001)
    with lease.alone():
        pass


def test_it_ends_when_whoever_started_it_is_killed(job: Job, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(replace(job, feed=tmp_path / "feed.npz").dumps(), encoding="utf-8")
    np.savez(tmp_path / "feed.npz", **FEED)
    bench = [sys.executable, "-m", "pipelines.bench", str(tmp_path / "job.json")]
    code = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdin=-1, stdout=-1); " + (
        "print(p.pid, p.stdout.readline(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, *bench]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        pid, said = starter.stdout.readline().split(maxsplit=1)
        assert "ready" in said
        assert alive(int(pid))
        starter.kill()
    patience = time.monotonic() + 60
    while alive(int(pid)):
        assert time.monotonic() < patience, "it lives on"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process is at work; one that nobody has buried is not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_it_measures_alone_and_loads_beside_others(job: Job, tmp_path: Path) -> None:
    class Noting(Lease):
        held: list[str]

        def shared(self):
            self.held.append("shared")
            return super().shared()

        def alone(self, limit_s):
            self.held.append("alone")
            return super().alone(limit_s)

    lease = Noting(folder=tmp_path / "leases")
    lease.held = []
    run_bench(job, FEED, lease)
    assert lease.held == ["shared", "alone"]
