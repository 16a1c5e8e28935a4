"""A process of its own in which the check runs the person's code, as this code may end the process that runs it."""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from pipelines.memory_kills import MemoryKills
from pipelines.preflight.progress import latest, told_to
from pipelines.process_end import MEMORY, TIMEOUT, ending, innermost, last_lines
from pipelines.processes import die_with_parent
from pipelines.tasks.fault import told
from pipelines.time_limit import UNKNOWN_S
from pipelines.waiting import telling
from pipelines.whole_file import write_bytes
from search.planning.check import Check, check_sweep
from spaces import Problem

LOOK_S = 0.1
"""How often is looked whether the process has ended."""

END_S = 5.0
"""How long a process that has answered may take to end: what a person's code has registered for then may hang."""


@dataclass(frozen=True)
class Job:
    """The request.

    Attributes:
        raw: The sweep's file.
        path: The places from which modules can be imported besides those that every process has.
        limit_s: How many seconds each step may take.
    """

    raw: Mapping[str, Any]
    path: tuple[str, ...]
    limit_s: float


def check_apart(raw: Mapping[str, Any], limit_s: float = UNKNOWN_S) -> Check:
    """Do what `check_sweep` does in a fresh process, in the same folder and with the same modules.

    What the person's code prints goes to standard error.

    Args:
        raw: The file's content.
        limit_s: How many seconds each step may take: downloads are among them.

    Returns:
        The check; if the process ended before it had one, how that came about.

    Raises:
        Exception: whatever `check_sweep` raises.
    """
    with tempfile.TemporaryDirectory(prefix="paredown-") as name:
        folder = _Folder(Path(name))
        path = tuple(entry for entry in sys.path if entry not in ("", str(Path.cwd())))
        folder.job.write_bytes(pickle.dumps(Job(raw, path, limit_s)))
        kills = MemoryKills()
        code = _run(folder, limit_s)
        if not folder.answer.exists():
            return Check((Problem("task.use", _end(folder, code, kills, limit_s)),))
        answer = pickle.loads(folder.answer.read_bytes())
    if isinstance(answer, Exception):
        raise answer
    return cast(Check, answer)


class _Folder:
    """The files through which the two processes speak.

    Args:
        path: A folder.
    """

    def __init__(self, path: Path) -> None:
        self.job, self.answer, self.step = path / "job", path / "answer", path / "step"
        self.errors, self.end = path / "errors", path / "end"

    @property
    def at(self) -> str:
        """The step that was begun last."""
        return _text(self.step) or "starting"


def _run(folder: _Folder, limit_s: float) -> int:
    """Run the process to its end, and return its return code."""
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with folder.errors.open("wb") as errors, folder.errors.open(encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "search.planning.check_process", str(folder.job.parent)],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,  # so that it can be ended together with what it has started
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )
        try:
            with telling(lambda: f"still trying the task: {folder.at}; each step is ended after {limit_s:.0f} s"):
                _wait(process, folder, said)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        _pass_on(said)
    return code


def _wait(process: subprocess.Popen[bytes], folder: _Folder, said: TextIO) -> None:
    """Wait until `process` has ended, or has answered and is long in ending; pass on what it says."""
    answered = None
    while answered is None or time.monotonic() - answered < END_S:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
            return
        _pass_on(said)
        if answered is None and folder.answer.exists():
            answered = time.monotonic()


def _pass_on(said: TextIO) -> None:
    if text := said.read():
        sys.stderr.write(text)
        sys.stderr.flush()


def _end(folder: _Folder, code: int, kills: MemoryKills, limit_s: float) -> str:
    """Return at which step the process ended, and how."""
    words = _text(folder.end)
    if words.startswith(TIMEOUT):
        return f"{folder.at}: it did not end within {limit_s:.0f} s, and was stopped: {innermost(words)}"
    end = f"{folder.at}: the process in which it was tried ended with {ending(code)}"
    if code == -signal.SIGKILL:
        return f"{end}: {MEMORY if kills.any else 'it was killed by another process'}"
    return f"{end}: {last_lines(words or _text(folder.errors))}"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def main() -> None:
    """Check the sweep of the job in the folder that the first argument names."""
    folder = _Folder(Path(sys.argv[1]))
    die_with_parent()
    job = pickle.loads(folder.job.read_bytes())
    sys.path.extend(entry for entry in job.path if entry not in sys.path)
    with folder.end.open("w", encoding="utf-8") as end:
        faulthandler.enable(end, all_threads=False)

        def begin(step: str) -> None:
            folder.step.write_text(step, encoding="utf-8", errors="replace")
            faulthandler.dump_traceback_later(job.limit_s, exit=True, file=end)

        with told_to(begin):
            answer = _answer(job)
        faulthandler.cancel_dump_traceback_later()
        write_bytes(folder.answer, pickle.dumps(answer))


def _answer(job: Job) -> Check | Exception:
    try:
        return check_sweep(job.raw)
    except Exception as error:
        error.add_note(f"in the process that checks: {traceback.format_exc()}")
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return RuntimeError(traceback.format_exc())
        return error
    except BaseException as error:  # a person's code may raise anything; what ends a program meanwhile is no exception
        return Check((Problem("task.use", f"{latest()}: {told(error)}"),))


if __name__ == "__main__":
    from search.planning import check_process

    check_process.main()
