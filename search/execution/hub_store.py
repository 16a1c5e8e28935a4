"""What lies behind the store's folder on a machine that does not see the driver's workspace: the hub."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import ray

from pipelines.ledger import FOR_STAGE, spending
from pipelines.waiting import telling
from search.execution.hub import parts, put_together

BEAT_S, POLL_S = 3.0, 0.2
"""Who has a right asks for it again this often; who waits for one asks this often."""

T = TypeVar("T")


class HubStore:
    """Entries of the driver's store; see `pipelines.store.SharedPlace`.

    Args:
        hub: The actor.

    Attributes:
        url: Its name, for people.
        away_until: When it is worth asking again after something has failed, on the monotonic clock.
    """

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self.url = "the driver's store"
        self.away_until = 0.0

    def has(self, key: str) -> bool:
        """See `SharedPlace.has`."""
        return bool(ray.get(self._hub.has.remote(key)))

    def fetch(self, key: str, draft: Path, file: Path) -> bool:
        """See `SharedPlace.fetch`."""
        if (found := ray.get(self._hub.read.remote(key))) is None:
            return False
        manifest, files = found
        draft.mkdir()
        return put_together(draft, manifest, (ray.get(each) for each in files))

    def send(self, key: str, folder: Path, manifest: Mapping[str, Any], file: Path) -> None:
        """See `SharedPlace.send`."""
        files = [ray.put(each) for each in parts(folder, manifest["files"])]
        ray.get(self._hub.receive.remote(key, dict(manifest), files))

    def touch(self, key: str) -> None:
        """See `SharedPlace.touch`."""
        self._hub.touch.remote(key)

    def remove(self, key: str) -> bool:
        """See `SharedPlace.remove`."""
        return bool(ray.get(self._hub.remove.remote(key)))

    def claim(self, key: str, owner: str) -> HubRight:
        """See `SharedPlace.claim`; for whom the work is done is nothing that the hub needs."""
        return HubRight(self._hub, key)


class HubRight:
    """The right to make one entry; see `pipelines.store.Right`.

    Args:
        hub: The actor, which gives it.
        key: The entry.
    """

    def __init__(self, hub: Any, key: str) -> None:
        since = datetime.now(UTC).strftime("%H:%M:%S UTC")
        words = f"process {os.getpid()} on {socket.gethostname()} (since {since})"
        self._hub, self._key, self._id, self._words = hub, key, uuid4().hex, words
        self._other = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="store-claim", daemon=True)

    def take(self, arrived: Callable[[], T | None]) -> T | None:
        """See `Right.take`."""
        with spending(FOR_STAGE), telling(self._holder):
            while self._ask():
                time.sleep(POLL_S)
        self._other = ""
        self._thread.start()
        found = None
        try:
            found = arrived()
            return found
        finally:
            if found is not None or sys.exception():  # the one that was waited for has made it
                self.release()

    def release(self) -> None:
        """See `Right.release`."""
        self._ended.set()
        self._thread.join()
        ray.get(self._hub.release.remote(self._key, self._id))

    def _ask(self) -> str:
        self._other = str(ray.get(self._hub.claim.remote(self._key, self._id, self._words)))
        return self._other

    def _holder(self) -> str:
        return f"waiting for {self._other}, which makes what is needed here" if self._other else ""

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            try:
                if self._ask():
                    return  # this process was taken for dead
            except Exception:  # whatever is wrong with the hub now, the next beat tries again
                continue
