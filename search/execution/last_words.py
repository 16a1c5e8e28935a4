"""A worker's last words: how it ended, where it ended in the middle of a trial."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TextIO

from pipelines.process_end import TIMEOUT, innermost, last_lines
from pipelines.time_limit import may_end_process

EXIT = "exit code "
SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
"""What `faulthandler` calls them."""

RAYS = re.compile(r"logging\.cc:\d+: |^\*\*\* SIG|^PC: @ |^ +@ +0x")
"""What Ray adds to a fatal signal: addresses that say nothing to anyone."""

SILENT = "it was killed by another process, or a library ended it without a word"


def words_file(results: Path, number: int) -> Path:
    """Return where the worker of trial `number` leaves its last words."""
    return results / f"{number}.end"


@contextmanager
def last_words(file: Path, killed_at: float | None = None) -> Iterator[None]:
    """Leave `file` behind if this process ends before the context does.

    Fatal signals are written down by Python, calls of ``os._exit`` here; of a process that is killed, nothing is.

    Args:
        file: Where.
        killed_at: When the process is ended if it still works then, in seconds since the epoch; never, if None.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as stream:
        json.dump({"stderr": _stderr(), "from": _size(_stderr()), "killed_at": killed_at}, stream)
        stream.write("\n")
        stream.flush()
        was_enabled, end = faulthandler.is_enabled(), os._exit
        faulthandler.enable(stream, all_threads=False)
        may_end_process(stream)
        os._exit = _noting(stream)  # type: ignore[assignment]
        try:
            yield
        finally:
            os._exit = end
            may_end_process(None)
            if was_enabled:
                faulthandler.enable(all_threads=False)
            else:
                faulthandler.disable()
            file.unlink(missing_ok=True)


def was_late(file: Path) -> bool:
    """Return True if the worker that left `file` was ended as its trial's time was up; the file stays."""
    try:
        header = json.loads(file.read_text(encoding="utf-8", errors="replace").partition("\n")[0])
    except (OSError, ValueError):
        return False
    killed_at = header.get("killed_at")
    return killed_at is not None and time.time() >= killed_at


def left_by(file: Path) -> tuple[str, bool]:
    """Return how the worker that left `file` ended, and whether its trial's time was up; removes the file."""
    late = was_late(file)
    return how_it_ended(file), late


def how_it_ended(file: Path) -> str:
    """Return, in words, how the worker that left `file` ended, and remove the file; empty if it left none."""
    try:
        header, _, words = file.read_text(encoding="utf-8", errors="replace").partition("\n")
    except OSError:
        return ""
    file.unlink(missing_ok=True)
    said = _said(header)
    return f"{_end(words)}{f'; the last that it said: {said}' if said else ''}"


def _end(words: str) -> str:
    if words.startswith(EXIT):
        return f"the task, or a library, ended it with {words.strip()} (os._exit)"
    if words.startswith(TIMEOUT):
        return f"it did not stop when its time was up: {innermost(words)}"
    if words.startswith("Fatal Python error: "):
        fault = words.splitlines()[0].removeprefix("Fatal Python error: ").strip()
        return f"it ended with signal {SIGNALS.get(fault, fault)}: {last_lines(words)}"
    return SILENT


def _said(header: str) -> str:
    """Return what the worker has written to its standard error, if that lies on this machine."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads(header)
        with Path(about["stderr"]).open("rb") as stream:
            stream.seek(about["from"])
            lines = stream.read().decode(errors="replace").splitlines()
        if text := "\n".join(line for line in lines if not RAYS.search(line)).strip():
            return last_lines(text)
    return ""


def _noting(stream: TextIO) -> Callable[[int], NoReturn]:
    """Stand for ``os._exit``: processes that this one has forked end by it, too, and they are not meant."""
    pid, end = os.getpid(), os._exit

    def note_and_end(status: int) -> NoReturn:
        if os.getpid() == pid:
            stream.write(f"{EXIT}{status}\n")
            stream.flush()
        end(status)

    return note_and_end


def _stderr() -> str:
    """The file that standard error goes to."""
    with suppress(OSError):
        return os.readlink("/proc/self/fd/2")
    return ""


def _size(path: str) -> int:
    with suppress(OSError):
        return Path(path).stat().st_size
    return 0
