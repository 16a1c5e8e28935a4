"""Waiting for another process: after some seconds it is said for which, since when, and how to end it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.processes import command, is_stopped, parent, started

AFTER_S, AGAIN_S = 10.0, 600.0
"""It is said after the first time, and again after each of the second."""

LOCKS = Path("/proc/locks")

LONGEST = 100
"""Of a command so many characters at most are told."""

LOG = logging.getLogger(__name__)

_say: Callable[[str], None] = LOG.warning


def say_with(say: Callable[[str], None]) -> None:
    """Have `say` told what is waited for, instead of the log."""
    global _say
    _say = say


def say(words: str) -> None:
    """Say something about what is waited for."""
    _say(words)


@contextmanager
def telling(whom: Callable[[], str]) -> Iterator[None]:
    """Say `whom` the block waits for, if it takes long.

    Args:
        whom: Gives it in words, or nothing if nobody else is to be named.
    """
    done, say = threading.Event(), _say

    def tell() -> None:
        patience = AFTER_S
        while not done.wait(patience):
            if words := whom():
                say(words)
            patience = AGAIN_S

    thread = threading.Thread(target=tell, name="waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def holders(file: Path) -> list[int]:
    """Return the processes that hold a lock on `file` (``flock``), where the kernel shows them."""
    try:
        number, lines = file.stat().st_ino, LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    locks = (line.split() for line in lines if "->" not in line)  # that is one who waits
    return [int(lock[4]) for lock in locks if lock[1] == "FLOCK" and lock[5].rpartition(":")[2] == str(number)]


def others(file: Path, what: str) -> str:
    """Return in words who does `what`, as they hold a lock on `file`: other commands than this process' own.

    Args:
        file: The lock's file.
        what: What a holder does, such as ``measures on this machine``.
    """
    own = _driver(os.getpid())
    pids = dict.fromkeys(pid for pid in holders(file) if pid and _driver(pid) != own)
    return "; ".join(f"waiting for process {describe(pid)}, which {what}; {_way_out(pid)}" for pid in pids)


def describe(pid: int) -> str:
    """Return a process in words: ``17 (paredown run digits.yaml, started 09:12:03)``."""
    words, since = command(_driver(pid)) or "a process of another user", started(_driver(pid))
    words = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    return f"{pid} ({words}{time.strftime(', started %H:%M:%S', time.localtime(since)) if since else ''})"


def _way_out(pid: int) -> str:
    if is_stopped(pid):
        return f"it is stopped and goes on with: kill -CONT {pid}, or ends with: kill -9 {pid}"
    return f"if it hangs, end it with: kill -9 {pid}"


def _driver(pid: int) -> int:
    """The process for which `pid` works: that which has started Ray, for one of Ray's workers; else itself."""
    each: int | None = pid
    while each and each > 1:
        words = command(each)
        if not words.startswith("ray::") and "/raylet" not in words.partition(" ")[0]:
            return each
        each = parent(each)
    return pid
