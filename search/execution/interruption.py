"""Ctrl-C and SIGTERM, remembered until someone acts on them.

Python drops the exception of a signal that happens to arrive within a destructor or a callback of a weak reference. A
sweep runs for hours through code that has both: an interruption that was only raised would now and then be lost.
"""

from __future__ import annotations

import signal
from types import FrameType

_asked = False


def listen() -> None:
    """From now on take SIGINT and SIGTERM as a wish to stop; forget an earlier one."""
    global _asked
    _asked = False
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def check() -> None:
    """Called where a command can stop.

    Raises:
        KeyboardInterrupt: it was asked to stop, and goes on all the same.
    """
    if _asked:
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt
