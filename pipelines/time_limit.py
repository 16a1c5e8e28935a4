"""Time limits that follow from estimates: far beyond what work takes, so that only what hangs meets them."""

from __future__ import annotations

import faulthandler
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO

from pipelines.errors import TrialFailed
from pipelines.kill_timer import KillTimer

LEAST_S, TIMES = 600.0, 20.0
"""Work may take so many times what was estimated, and never less than the first."""

UNKNOWN_S = 3600.0
"""The limit of work of which there is no estimate."""

BYTES_PER_S = 10e6
"""How fast files are read, transformed, run once and written, on a slow machine."""

GRACE_S = 60.0
"""A process that may be ended is, so long after its work was to stop and did not, as native code may not let it."""

KILLED_S = 10.0
"""So long after that the kernel ends it."""

SOON_S = 0.001

_farewell: TextIO | None = None
_stages_s: Mapping[str, float] = {}
_killing = KillTimer()


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
    if farewell is None and _open:
        _close(_open[0])
    _farewell = farewell


@contextmanager
def stages_limited(limits_s: Mapping[str, float]) -> Iterator[None]:
    """Give stages that begin within the block, by their names, these limits in seconds; see `stage_limit`."""
    global _stages_s
    before, _stages_s = _stages_s, limits_s
    try:
        yield
    finally:
        _stages_s = before


@contextmanager
def stage_limit(name: str, usual_s: float | None) -> Iterator[None]:
    """Stop the stage called `name` after the limit of `stages_limited`, or else after `usual_s`; never, if None.

    Raises:
        TrialFailed: the limit was reached.
    """
    asked_s, work = _stages_s.get(name), f"the stage {name}"
    if asked_s is not None:
        with time_limit(
            asked_s, work, f"{work} took more than {asked_s:.0f} s and was stopped (cluster.stage_timeout)"
        ):
            yield
    elif usual_s is not None:
        with time_limit(usual_s, work):
            yield
    else:
        yield


@dataclass(eq=False)
class _Limit:
    """A block's limit; it comes earlier if another thread has a reason to stop the block.

    Attributes:
        until: When its time is up, by the monotonic clock.
        ends: When the process is ended if the block has not stopped by then, if it may be ended at all.
        reason: What is told when it is reached.
    """

    until: float
    ends: float
    reason: str


class _TimeUp(BaseException):
    """A limit is reached.

    Not an `Exception`: it may be raised anywhere, also where code takes every exception for something else, such as a
    cut that cannot be made.
    """

    def __init__(self, limit: _Limit) -> None:
        self.limit = limit


_open: list[_Limit] = []
"""The limits of the blocks that the main thread is in, the innermost last."""

_reached: list[_Limit] = []
"""Those of them that have stopped their block, or tried to."""


@contextmanager
def time_limit(
    seconds: float, work: str, reason: str = "", grace_s: float | None = None
) -> Iterator[Callable[[str], None]]:
    """Stop the block after `seconds`, in the main thread; in another one it is not bounded.

    A block within a block has both limits. A process that may be ended (`may_end_process`) is if the block does not
    stop: by a thread of its own, which writes the stack down and needs no word of Python's, and if that is out of
    action, too, by the kernel (`KillTimer`), whatever the process does with signals.

    Args:
        seconds: The limit.
        work: What is done, for people, such as ``the export``.
        reason: What is told when it is reached; `late`, when empty.
        grace_s: How long after it the process is ended; `GRACE_S`, when None.

    Yields:
        What stops the block at once, for the reason that it is given; another thread may call it.

    Raises:
        TrialFailed: the limit was reached.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda reason: None
        return
    until, grace_s = time.monotonic() + seconds, GRACE_S if grace_s is None else grace_s
    own = _Limit(until, until + grace_s, reason or late(work, seconds))

    def stop(reason: str) -> None:
        own.until, own.reason = time.monotonic(), reason
        own.ends = own.until + grace_s
        _arm()

    before = signal.signal(signal.SIGALRM, _stop)
    _open.append(own)
    _arm()
    try:
        yield stop
    except _TimeUp as up:
        if up.limit is not own:
            raise
        raise TrialFailed(own.reason) from None
    finally:
        _close(own)
        signal.signal(signal.SIGALRM, before)


def _close(limit: _Limit) -> None:
    """Forget `limit`, and those within it: one whose block was left by an exception in its own end is still there."""
    if limit in _open:
        del _open[_open.index(limit) :]
    _reached[:] = [each for each in _reached if each in _open]
    _arm()


def _stop(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    late = next((limit for limit in _open if limit not in _reached and limit.until <= now), None)
    if late:
        _reached.append(late)
    _arm()
    if late:
        raise _TimeUp(late)


def _arm() -> None:
    """Set the clocks for the limits that are open."""
    now = time.monotonic()
    stop_s = min((limit.until - now for limit in _open if limit not in _reached), default=math.inf)
    signal.setitimer(signal.ITIMER_REAL, 0 if stop_s == math.inf else max(stop_s, SOON_S))
    if not _farewell:
        return
    end_s = min((limit.ends - now for limit in _open), default=math.inf)
    if end_s == math.inf:
        faulthandler.cancel_dump_traceback_later()
        _killing.stop()
    else:
        faulthandler.dump_traceback_later(max(end_s, SOON_S), exit=True, file=_farewell)
        _killing.start(max(end_s, SOON_S) + KILLED_S)


def late(work: str, seconds: float) -> str:
    """Return what to say of `work` that has reached its limit."""
    return f"{work} took more than {seconds:.0f} s, many times what such files take, and was stopped"
