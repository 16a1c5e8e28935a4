"""Processes of this machine, as far as the kernel shows them."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""From Linux' ``prctl.h``."""


def started(pid: int | str = "self") -> float | None:
    """Return when a process was started, in seconds since the epoch; None where the kernel does not tell."""
    ticks = start_ticks(pid)
    if ticks is None:
        return None
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def start_ticks(pid: int | str = "self") -> int | None:
    """Return when a process was started, in the kernel's ticks since it booted: with the number it means one process.

    None where the kernel does not tell.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def parent(pid: int) -> int | None:
    """Return the process that `pid` belongs to; None where the kernel does not tell."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def command(pid: int) -> str:
    """Return the command line of a process; empty where the kernel does not tell."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return " ".join(word.decode(errors="replace") for word in words if word)


def is_stopped(pid: int) -> bool:
    """Return whether a process was stopped, as by Ctrl-Z, and has not gone on."""
    return _stat(pid)[:1] == ["T"]


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it has gone, where it can do that (Linux)."""
    with suppress(OSError, AttributeError):  # another system's library
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _stat(pid: int | str) -> list[str]:
    """The fields of a process that follow its name, which may hold blanks and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
