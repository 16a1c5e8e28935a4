"""Time limits that follow from estimates: far beyond what work takes, so that only what hangs meets them."""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from pipelines.errors import TrialFailed

LEAST_S, TIMES = 600.0, 20.0
"""Work may take so many times what was estimated, and never less than the first."""

UNKNOWN_S = 3600.0
"""The limit of work of which there is no estimate."""

BYTES_PER_S = 10e6
"""How fast files are read, transformed, run once and written, on a slow machine."""

GRACE_S = 60.0
"""A process that may be ended is, so long after its work was to stop and did not, as native code may not let it."""

_farewell: TextIO | None = None


def limit_s(estimate_s: float | None) -> float:
    """Return the limit in seconds of work that is estimated to take `estimate_s`, if there is an estimate."""
    return UNKNOWN_S if estimate_s is None else max(LEAST_S, TIMES * estimate_s)


def handling_s(*paths: Path) -> float:
    """Return an estimate in seconds for work that goes once through the files `paths`, or those in folders of them."""
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else (path,)) if file.is_file())
    return sum(file.stat().st_size for file in files) / BYTES_PER_S


def may_end_process(farewell: TextIO | None) -> None:
    """Say whether this process may be ended over work that cannot be stopped otherwise.

    Args:
        farewell: Where the stack is written before it ends; None if it must not be ended, as is so at first.
    """
    global _farewell
    _farewell = farewell


@contextmanager
def time_limit(seconds: float, work: str) -> Iterator[None]:
    """Stop the block after `seconds`, in the main thread; in another one it is not bounded.

    Args:
        seconds: The limit.
        work: What is done, for people, such as ``the export``.

    Raises:
        TrialFailed: the limit was reached.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise TrialFailed(late(work, seconds))

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    if _farewell:
        faulthandler.dump_traceback_later(seconds + GRACE_S, exit=True, file=_farewell)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if _farewell:
            faulthandler.cancel_dump_traceback_later()


def late(work: str, seconds: float) -> str:
    """Return what to say of `work` that has reached its limit."""
    return f"{work} took more than {seconds:.0f} s, many times what such files take, and was stopped"
