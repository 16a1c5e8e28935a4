"""The exported file while it runs: measured by a process of its own, without torch, with the device to itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.bench.answer import Failure, from_line
from pipelines.bench.job import Job
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.ledger import LOADING, spending
from pipelines.measurement import Measurement
from pipelines.memory_kills import MemoryKills
from pipelines.process_end import MEMORY, ending, last_lines
from pipelines.processors import beyond, processors
from pipelines.runtimes import Feed
from pipelines.time_limit import handling_s, late, limit_s

END_S = 5.0
"""How long a process that has said its last may take to end."""


def run_bench(job: Job, feed: Feed, lease: Lease, timeout_s: float | None = None) -> Measurement:
    """Measure in a fresh process.

    It imports, loads and prepares beside other work, and measures when it has the device alone. If this process dies,
    it dies too. If it is killed, it is started once more. If it takes far longer than its files let expect, it is
    killed with all that it has started.

    Args:
        job: What to measure; where its feed lies is decided here.
        feed: The inputs of one call.
        lease: Of the device.
        timeout_s: For loading and for measuring, each; from estimates, when None.

    Raises:
        TrialFailed: this machine has too few processors, the runtime refuses a file, or the process crashes or takes
            too long.
    """
    if job.target.threads > (have := processors()):
        raise TrialFailed(f"target.threads: {beyond(job.target.threads, have)}")
    with spending(LOADING), tempfile.TemporaryDirectory(prefix="paredown-") as name:
        folder = Path(name)
        job = replace(job, feed=folder / "feed.npz")
        np.savez(job.feed, **feed)  # type: ignore[arg-type]
        (folder / "job.json").write_text(job.dumps(), encoding="utf-8")
        try:
            return _attempt(job, folder, lease, timeout_s)
        except _Killed:
            # Whoever killed it may be about to kill this process: then nothing is told. Want of memory comes again.
            return _attempt(job, folder, lease, timeout_s)


class _Killed(TrialFailed):
    """The process was killed from outside."""


def _attempt(job: Job, folder: Path, lease: Lease, timeout_s: float | None) -> Measurement:
    """Do `job`, which is written down in `folder`, in a fresh process."""
    kills = MemoryKills()
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (folder / "errors").open("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pipelines.bench", str(folder / "job.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # so that it can be ended together with what it has started
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )
        with process:
            try:
                return _converse(process, job, lease, timeout_s)
            except (OSError, ValueError) as error:  # it is gone, or says what is no answer
                with suppress(subprocess.TimeoutExpired):
                    process.wait(END_S)
                _kill(process)
                errors.seek(0)
                raise _crash(process.wait(), errors.read(), kills) from error
            finally:
                _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill `process`, if it still lives, and all that it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _converse(process: subprocess.Popen[str], job: Job, lease: Lease, timeout_s: float | None) -> Measurement:
    """See `pipelines.bench.__main__` for what is said."""
    assert process.stdin
    assert process.stdout
    loading_s = limit_s(handling_s(*(each.path for each in job.artifacts))) if timeout_s is None else timeout_s
    with lease.shared(), _time_limit(process, loading_s, "loading the files"):
        began = time.monotonic()
        line = process.stdout.readline()
    if line.strip() != "ready":
        return _answer(line)
    # Each file was loaded and one was called: that tells what calls take, if they take long.
    measuring_s = limit_s(time.monotonic() - began) if timeout_s is None else timeout_s
    with lease.alone(measuring_s), _time_limit(process, measuring_s, "measuring"):
        process.stdin.write("go\n")
        process.stdin.flush()
        line = process.stdout.readline()
    if line.strip() == "measured":
        line = process.stdout.readline()
    return _answer(line)


def _answer(line: str) -> Measurement:
    answer = from_line(line)
    if isinstance(answer, Failure):
        raise TrialFailed(answer.reason)
    return answer


@contextmanager
def _time_limit(process: subprocess.Popen[str], seconds: float, work: str) -> Iterator[None]:
    """Kill `process` after `seconds`.

    Raises:
        TrialFailed: it had to be killed.
    """
    is_late = threading.Event()

    def kill() -> None:
        is_late.set()
        _kill(process)

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if is_late.is_set():
            raise TrialFailed(late(f"{work} in a process of its own", seconds))


def _crash(code: int, errors: str, kills: MemoryKills) -> TrialFailed:
    began = f"the process that measures ended with {ending(code)}"
    if code == -signal.SIGKILL:
        return _Killed(f"{began}: {MEMORY if kills.any else 'it was killed by another process'}")
    return TrialFailed(f"{began}: {last_lines(errors)}")
