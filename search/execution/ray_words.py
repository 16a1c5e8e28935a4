"""Ray's own words: what its libraries write past Python to the terminal goes into a file beside the study."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

STDERR = 2


class RayWords:
    """The file into which Ray's words go as long as this process is connected with it.

    Only a process whose `sys.stderr` has a descriptor of its own can tell them from what is meant for people, as that
    of the command line has; in others they go where they went.

    Args:
        file: The file; None leaves them where they go.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._before: int | None = None
        self._began = False

    def catch(self) -> None:
        """Let them go into the file from now on; the first time, it is emptied."""
        if self._file is None or self._before is not None or not _is_apart():
            return
        with suppress(OSError):  # then they go where they went
            kept = os.O_APPEND if self._began else os.O_TRUNC
            caught = os.open(self._file, os.O_WRONLY | os.O_CREAT | kept, 0o600)
            self._began = True
            self._before = os.dup(STDERR)
            os.dup2(caught, STDERR)
            os.close(caught)

    def let_go(self) -> None:
        """Let them go where they went before; an empty file is removed."""
        if self._before is None:
            return
        os.dup2(self._before, STDERR)
        os.close(self._before)
        self._before = None
        if self._file and not self.told:
            self._file.unlink(missing_ok=True)

    @property
    def told(self) -> str:
        """Where there are words of Ray's, as the end of a sentence; empty if there are none."""
        with suppress(OSError, AttributeError):
            if self._began and self._file and self._file.stat().st_size:
                return f"; what Ray says is in {self._file}"
        return ""


def _is_apart() -> bool:
    """Return True if what this process says to people does not go through the descriptor that libraries write to."""
    try:
        return sys.stderr.fileno() != STDERR
    except (OSError, ValueError, AttributeError):
        return False
