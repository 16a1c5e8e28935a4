"""Notices: what a worker says while its trial goes on, and the driver passes on, as nobody sees a worker's own log."""

from __future__ import annotations

import logging
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from pipelines.whole_file import write_text

ENDING = ".notice"
EVERY_S = 2.0
"""The driver looks no more often than this."""

LOG = logging.getLogger(__name__)


def leave_notice(results: Path, words: str, who: str = "") -> None:
    """Leave `words` of the process `who`, this one by default, for the driver among the results.

    They take the place of what it has left before.
    """
    with suppress(OSError):  # it is of no use to the trial
        write_text(results / f"{who or this_process()}{ENDING}", words)


def this_process() -> str:
    """The name of this process among those of the cluster."""
    return f"{socket.gethostname()}-{os.getpid()}"


class Notices:
    """Tells what workers say, each sentence once.

    Args:
        results: Where workers leave it.
    """

    def __init__(self, results: Path) -> None:
        self._results = results
        self._told: set[str] = set()
        self._looked_at = 0.0

    def look(self) -> None:
        """Tell what is new, and remove it."""
        if time.monotonic() - self._looked_at < EVERY_S:
            return
        self._looked_at = time.monotonic()
        for file in self._results.glob(f"*{ENDING}"):
            with suppress(OSError):
                words = file.read_text(encoding="utf-8")
                file.unlink()
                if words not in self._told:
                    self._told.add(words)
                    LOG.warning("%s", words)
