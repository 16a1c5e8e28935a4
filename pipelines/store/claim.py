"""Claims on entries, among machines that share nothing but a URL."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from pipelines.ledger import FOR_STAGE, spending
from pipelines.waiting import telling

BEAT_S, DEAD_S = 3.0, 15.0
"""A living maker refreshes its claim this often; one that was not refreshed for so long is of a dead one."""

POLL_S, SETTLE_S = 1.0, 0.3
"""Who waits looks this often. Who has written a claim reads it back after this time, as not every backend keeps two
writers apart."""

T = TypeVar("T")
LOG = logging.getLogger(__name__)


class Claim:
    """A claim on one key: an object that its holder refreshes. No clock of another machine is read.

    Args:
        fs: The fsspec file system.
        path: The object.
        owner: For whom the work is done, such as one sweep; empty for nobody in particular. A claim of the same owner
            is taken over at once: an owner never gives one key out twice, so its former maker is dead.
    """

    def __init__(self, fs: Any, path: str, owner: str) -> None:
        self._fs, self._path, self._owner = fs, path, owner
        self._id, self._beats = uuid4().hex, 0
        self._since = datetime.now(UTC).strftime("%H:%M:%S UTC")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="store-claim", daemon=True)

    def take(self, arrived: Callable[[], T | None]) -> T | None:
        """Wait until the key is this claim's, or until `arrived` gives something.

        Returns:
            What `arrived` gave, or None if the claim is held now; then `release` has to be called.
        """
        with spending(FOR_STAGE), telling(self._holder):
            return self._take(arrived)

    def _take(self, arrived: Callable[[], T | None]) -> T | None:
        seen, since = self._read(), time.monotonic()
        while True:
            if (found := arrived()) is not None:
                return found
            there = self._read()
            if there != seen:
                seen, since = there, time.monotonic()
            dead = time.monotonic() - since > DEAD_S or (self._owner and _field(there, "owner") == self._owner)
            if (there is None or dead) and self._write(exclusive=there is None):
                self._thread.start()
                if (found := arrived()) is not None:  # made between the two looks
                    self.release()
                return found
            time.sleep(POLL_S)

    def release(self) -> None:
        """Give the key back, unless another has taken it over."""
        self._ended.set()
        self._thread.join()
        if self._mine():
            self._fs.rm_file(self._path)

    def _write(self, exclusive: bool) -> bool:
        """Return True if the claim is this one after it was written and others had time to write theirs."""
        try:
            self._fs.pipe_file(self._path, self._content(), mode="create" if exclusive else "overwrite")
        except FileExistsError:
            return False
        time.sleep(SETTLE_S)
        return self._mine()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            try:
                if not self._mine():
                    return  # this process was taken for dead
                self._beats += 1
                self._fs.pipe_file(self._path, self._content())
            except Exception:  # whatever is wrong with the backend now, the next beat tries again
                LOG.debug("claim %s was not refreshed", self._path, exc_info=True)

    def _mine(self) -> bool:
        return _field(self._read(), "id") == self._id

    def _content(self) -> bytes:
        about = {"id": self._id, "owner": self._owner, "host": socket.gethostname(), "pid": os.getpid()}
        return json.dumps({**about, "since": self._since, "beats": self._beats}).encode()

    def _holder(self) -> str:
        """Return who holds the claim now, in words; nothing while it is being written anew."""
        there = self._read()
        owner, host, pid, since = (_field(there, name) for name in ("owner", "host", "pid", "since"))
        if _field(there, "id") in (None, self._id):
            return ""
        sweep = f"sweep {str(owner).partition('@')[0]}, " if owner else ""
        return (
            f"waiting for process {pid} on {host} ({sweep}since {since}), which makes what is needed here; if it "
            f"hangs, end it there with: kill -9 {pid}"
        )

    def _read(self) -> bytes | None:
        """Return the claim as it is now, or None if there is none; a holder that was killed may have left it empty."""
        try:
            return bytes(self._fs.cat_file(self._path))
        except FileNotFoundError:
            return None


def _field(content: bytes | None, name: str) -> object:
    """One field of a claim; None if there is none, or it is being written at this moment."""
    try:
        return json.loads(content or b"").get(name)
    except (ValueError, AttributeError):
        return None
