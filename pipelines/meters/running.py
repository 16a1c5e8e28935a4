"""The exported file while it runs: measured by a process of its own, without torch, with the device to itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.bench.answer import Failure, from_line
from pipelines.bench.job import Job
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.measurement import Measurement
from pipelines.runtimes import Feed

TIMEOUT_S = 600.0
"""When the process is given up."""

END_S = 5.0
"""How long a process that has said its last may take to end."""


def run_bench(job: Job, feed: Feed, lease: Lease, timeout_s: float = TIMEOUT_S) -> Measurement:
    """Measure in a fresh process.

    It imports, loads and prepares beside other work, and measures when it has the device alone. If this process dies,
    it dies too. If it is killed, it is started once more.

    Args:
        job: What to measure; where its feed lies is decided here.
        feed: The inputs of one call.
        lease: Of the device.
        timeout_s: For loading and for measuring, each.

    Raises:
        TrialFailed: the runtime refuses a file, or the process crashes or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="paredown-") as name:
        folder = Path(name)
        job = replace(job, feed=folder / "feed.npz")
        np.savez(job.feed, **feed)  # type: ignore[arg-type]
        (folder / "job.json").write_text(job.dumps(), encoding="utf-8")
        try:
            return _attempt(folder, lease, timeout_s)
        except _Killed:
            # Whoever killed it may be about to kill this process: then nothing is told. Want of memory comes again.
            return _attempt(folder, lease, timeout_s)


class _Killed(TrialFailed):
    """The process was killed from outside."""


def _attempt(folder: Path, lease: Lease, timeout_s: float) -> Measurement:
    """Do the job in `folder` in a fresh process."""
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (folder / "errors").open("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pipelines.bench", str(folder / "job.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )
        with process:
            try:
                return _converse(process, lease, timeout_s)
            except (OSError, ValueError) as error:  # it is gone, or says what is no answer
                with suppress(subprocess.TimeoutExpired):
                    process.wait(END_S)
                process.kill()
                errors.seek(0)
                raise _crash(process.wait(), errors.read()) from error
            finally:
                process.kill()


def _converse(process: subprocess.Popen[str], lease: Lease, timeout_s: float) -> Measurement:
    """See `pipelines.bench.__main__` for what is said."""
    assert process.stdin
    assert process.stdout
    with lease.shared(), _time_limit(process, timeout_s, "loading the files"):
        line = process.stdout.readline()
    if line.strip() != "ready":
        return _answer(line)
    with lease.alone(), _time_limit(process, timeout_s, "measuring"):
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
    late = threading.Event()

    def kill() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TrialFailed(f"{work} in a process of its own took more than {seconds:.0f} s")


def _crash(code: int, errors: str) -> TrialFailed:
    began = f"the process that measures ended with {code}"
    if code == -signal.SIGKILL:
        advice = "most likely for want of memory; use a smaller batch, or let fewer trials run at once"
        return _Killed(f"{began}: it was killed, {advice}")
    lines = errors.strip().splitlines()
    return TrialFailed(f"{began}: {lines[-1] if lines else 'it said nothing'}")
