"""The hub: the driver's workspace, for workers on machines that do not see it.

It is an actor on the driver's machine. What workers elsewhere write down, it writes into the workspace, and what they
need from the store, it reads there. So a result is on the driver's disk before anyone is told of it, as if its worker
had written it, and the right to make an entry is the lock that workers of the driver's machine ask for, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from filelock import Timeout
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipelines.store import Folder
from pipelines.store.entry import read_manifest, verified, write_manifest
from pipelines.whole_file import sync
from search.execution.notices import leave_notice
from search.study.trial import Result

CHUNK_BYTES = 32 * 2**20
"""Files travel in parts of this size: no more of them is in the memory of a process at once."""

DEAD_S = 15.0
"""A right that was not asked for again for so long is of a dead worker."""

CALLS = 64
"""So many workers are answered at once. Most calls take milliseconds; one that brings a file waits for the network."""

Part = tuple[str, bytes]
"""A file's name, and some of its bytes: those that follow what came before."""


@dataclass
class _Right:
    """The right to make an entry: whose it is, in whose words, the lock, and when it was last asked for."""

    claimant: str
    words: str
    lock: ExitStack
    asked: float


class Hub:
    """Reads and writes the driver's workspace for workers that do not see it.

    Args:
        store: The folder of the store.
        results: Where results are written.
    """

    def __init__(self, store: Path, results: Path) -> None:
        self._folder, self._results = Folder(store), results
        self._rights: dict[str, _Right] = {}
        self._guard = threading.Lock()
        self._words: dict[int, str] = {}

    def write(self, result: Result) -> None:
        """Write a result down, as its worker would."""
        result.write(self._results)

    def say(self, words: str, who: str) -> None:
        """Leave what a worker says for the driver."""
        leave_notice(self._results, words, who)

    def begin(self, number: int, words: str) -> None:
        """Take note of the file, on its own machine, in which the worker of trial `number` leaves last words."""
        self._words[number] = words

    def words(self, number: int) -> str:
        """What `begin` was told of trial `number`; empty if nothing was."""
        return self._words.get(number, "")

    def has(self, key: str) -> bool:
        """Return True if there is an entry `key`, whatever its bytes are."""
        return self._folder.has(key)

    def touch(self, key: str) -> None:
        """Note that the entry `key` is used now."""
        self._folder.touch(key)

    def remove(self, key: str) -> bool:
        """Remove the entry `key`; whether it was there."""
        return self._folder.remove(key)

    def read(self, key: str) -> tuple[Mapping[str, Any], list[ray.ObjectRef[list[Part]]]] | None:
        """The manifest of the entry `key` and its files in parts; None if it is not there. Who reads them verifies."""
        folder = self._folder.path(key)
        if (manifest := read_manifest(folder)) is None:
            return None
        try:
            return manifest, [ray.put(each) for each in parts(folder, manifest["files"])]
        except FileNotFoundError:  # it was evicted meanwhile
            return None

    def receive(self, key: str, manifest: Mapping[str, Any], files: list[ray.ObjectRef[list[Part]]]) -> None:
        """Make the entry `key` of its manifest and its files in parts.

        Raises:
            ValueError: they are not what was written.
        """
        with self._folder.draft(key) as draft:
            if not put_together(draft, manifest, (ray.get(each) for each in files)):
                raise ValueError("the files did not arrive as they were written")
            self._folder.install(draft, key)

    def claim(self, key: str, claimant: str, words: str) -> str:
        """Give `claimant` the right to make the entry `key`, or let it keep the right that it has.

        Args:
            key: The entry.
            claimant: Who asks; has to ask again within `DEAD_S`.
            words: The same for people.

        Returns:
            Empty if the right is the claimant's now; else the words of who has it.
        """
        now = time.monotonic()
        with self._guard:
            if right := self._rights.get(key):
                if right.claimant != claimant:
                    return right.words
                right.asked = now
                return ""
            lock = ExitStack()
            try:
                lock.enter_context(self._folder.lock(key, timeout_s=0))
            except Timeout:
                return "a process on the driver's machine"
            right = self._rights[key] = _Right(claimant, words, lock, now)
        self._watch(key, right)
        return ""

    def release(self, key: str, claimant: str) -> None:
        """Take the right to make the entry `key` back from `claimant`, unless another has it by now."""
        with self._guard:
            if (right := self._rights.get(key)) and right.claimant == claimant:
                self._rights.pop(key).lock.close()

    def _watch(self, key: str, right: _Right) -> None:
        """Take `right` back when it was not asked for in time: who waits for its lock on this machine asks no hub."""
        with self._guard:
            if self._rights.get(key) is not right:
                return
            left_s = right.asked + DEAD_S - time.monotonic()
            if left_s <= 0:
                self._rights.pop(key).lock.close()
                return
        timer = threading.Timer(left_s, self._watch, (key, right))
        timer.daemon = True
        timer.start()


def start_hub(store: Path, results: Path) -> Any:
    """Start the hub on this machine; it ends with this driver."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "max_concurrency": CALLS}
    return ray.remote(Hub).options(scheduling_strategy=here, **options).remote(store, results)


def parts(folder: Path, names: Iterable[str]) -> Iterator[list[Part]]:
    """Yield the files called `names` of `folder` in parts of `CHUNK_BYTES`; small files go together."""
    found: list[Part] = []
    size = 0
    for name in names:
        with (folder / name).open("rb") as stream:
            data = stream.read(CHUNK_BYTES - size)
            while True:
                found.append((name, data))
                size += len(data)
                if size >= CHUNK_BYTES:
                    yield found
                    found, size = [], 0
                if not (data := stream.read(CHUNK_BYTES - size)):
                    break
    if found:
        yield found


def put_together(folder: Path, manifest: Mapping[str, Any], files: Iterable[list[Part]]) -> bool:
    """Write the files that `parts` gave, and their manifest, into the empty `folder`; whether all is as it was."""
    for part in files:
        for name, data in part:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as stream:
                stream.write(data)
    for name in manifest["files"]:
        if not (folder / name).is_file():
            return False
        sync(folder / name)
    write_manifest(folder, manifest)
    return verified(folder) is not None
