"""Records of who holds a lock: of a holder that hangs they prove that it is Paredown's own, so that it can be ended."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.processes import start_ticks
from pipelines.time_limit import GRACE_S, UNKNOWN_S
from pipelines.waiting import describe, holders, say

LOOK_S = 10.0
"""Who waits looks this often whether a holder has hung for too long."""


class Holder:
    """This process, as a holder of a lock.

    Args:
        stem: The path of its records, without the ending that tells one from another.
    """

    def __init__(self, stem: Path) -> None:
        self._stem, self._pid = stem, os.getpid()
        self._file = stem.with_name(f"{stem.name}.{self._pid}.{id(self)}")
        for file in stem.parent.glob(f"{stem.name}.*"):
            _read(file)  # which removes it if nobody is left to do so

    def note(self, limit_s: float | None) -> None:
        """Record that it holds the lock from now on.

        Args:
            limit_s: It gives the lock up within so many seconds; None if it does as soon as it sees that others wait.
        """
        until = None if limit_s is None else time.monotonic() + limit_s + GRACE_S
        about = {"pid": self._pid, "started": start_ticks(self._pid), "until": until}
        with suppress(OSError):  # without a record it is only told of
            self._file.write_text(json.dumps(about), encoding="ascii")

    def forget(self) -> None:
        """Remove the record, as the lock was given up."""
        if os.getpid() == self._pid:  # it is not a forked process's to remove
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    @contextmanager
    def ending_the_hung(self, lock: Path) -> Iterator[None]:
        """While the block waits for `lock`, end holders that hang; it is said which."""
        done, began = threading.Event(), time.monotonic()

        def look() -> None:
            while not done.wait(LOOK_S):
                for words in end_hung(self._stem, lock, time.monotonic() - began):
                    say(words)

        looking = threading.Thread(target=look, name="hung-holders", daemon=True)
        looking.start()
        try:
            yield
        finally:
            done.set()
            looking.join()  # whom it has just ended, it says before what waited goes on


def end_hung(stem: Path, lock: Path, waited_s: float) -> Iterator[str]:
    """End each holder of `lock` that has a record and holds it for longer than it may.

    Args:
        stem: The path of the records, see `Holder`.
        lock: The lock's file.
        waited_s: How long the lock was waited for.

    Yields:
        Which it was, in words.
    """
    for pid in holders(lock):
        records = [about for file in stem.parent.glob(f"{stem.name}.{pid}.*") if (about := _read(file))]
        if pid == os.getpid() or not records or not all(_is_overdue(about, waited_s) for about in records):
            continue
        who = describe(pid)
        if _kill(pid, records[0]["started"]):
            yield f"process {who} hung and kept this machine from working, so it was ended; its trial is run once more"


def _read(file: Path) -> dict[str, float | None] | None:
    """A record; None for that of a process that has gone, whose file is removed."""
    try:
        about: dict[str, float | None] = json.loads(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # it is just being written, or removed
        return None
    if start_ticks(int(about["pid"] or 0)) == about["started"]:
        return about
    file.unlink(missing_ok=True)
    return None


def _is_overdue(about: dict[str, float | None], waited_s: float) -> bool:
    until = about["until"]
    return waited_s > UNKNOWN_S + GRACE_S if until is None else time.monotonic() > until


def _kill(pid: int, started: float | None) -> bool:
    """Kill the process that `started` then, and no other one that has its number by now."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if start_ticks(pid) != started:
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:  # it has ended, or is another user's
        return False
    finally:
        os.close(process)
    return True
