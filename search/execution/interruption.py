"""SIGINT, SIGTERM and SIGHUP, remembered until someone acts on them.

Python drops the exception of a signal that happens to arrive within a destructor or a callback of a weak reference. A
sweep runs for hours through code that has both: an interruption that was only raised would now and then be lost.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_asked = 0
"""The number of the first signal that came; 0, if none did."""

_listening = _put_off = False


def listen() -> None:
    """From now on take each of `SIGNALS` as a wish to stop; forget an earlier one."""
    global _asked, _listening
    _asked, _listening = 0, True
    listen_again()


def listen_again() -> None:
    """Take the signals back from a library that has put handlers of its own in place; if they were listened to."""
    if not _listening or threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:  # as nohup wants it
            continue
        signal.signal(number, _interrupt)


def stop_listening() -> None:
    """From now on signals end the process at once: there is nothing left to put in order."""
    global _listening
    _listening = False
    for number in SIGNALS:
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_DFL)


def note(number: int) -> None:
    """Remember signal `number`, which another handler has taken."""
    global _asked
    _asked = _asked or number


def check() -> None:
    """Called where a command can stop.

    Raises:
        KeyboardInterrupt: it was asked to stop, and goes on all the same.
    """
    if _asked:
        raise KeyboardInterrupt


@contextmanager
def put_off() -> Iterator[None]:
    """A signal that arrives while the context is open is acted on at its end.

    Raises:
        KeyboardInterrupt: one has arrived.
    """
    global _put_off
    before, earlier, _put_off = _put_off, _asked, True
    try:
        yield
    finally:
        _put_off = before
    if _asked != earlier:
        check()


def exit_code() -> int:
    """The code with which an interrupted command exits: 128 and the number of the signal."""
    return 128 + (_asked or signal.SIGINT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _asked
    stopping = _asked and _is_stopping()
    _asked = _asked or number
    if not _put_off and not stopping:
        raise KeyboardInterrupt


def _is_stopping() -> bool:
    """Return True if the interrupted code is on its way out already, which another exception would break off."""
    error = sys.exception()
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False
