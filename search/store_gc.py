"""The store is kept within its limit while a sweep runs."""

from __future__ import annotations

import logging
import threading
import time

from pipelines.store import StoreBackend, evict
from search.config.sweep_config import SweepConfig
from search.study.saved import load_sweep, open_store
from search.study.state import SweepState
from search.study.trial import Trial
from search.study.workspace import Workspace

EVERY_S, SHARE = 10.0, 0.05
"""The store is looked at no more often than this, and for no more than this share of the time."""

ROOM = 0.9
"""When there is too much, entries go until the store is so full, so that it need not be done after each trial."""

LOG = logging.getLogger(__name__)


class StoreGC:
    """Evicts what was not used for longest, here and behind the URL, and says there what this sweep's front needs.

    It works on a thread of its own, after trials have ended; whatever fails there is tried again after the next.

    Args:
        config: The sweep.
        workspace: Where the store is, and the sweeps whose fronts it keeps.
        state: Where the sweep stands.
    """

    def __init__(self, config: SweepConfig, workspace: Workspace, state: SweepState) -> None:
        self._workspace, self._standing = workspace, state
        self._store = open_store(config, workspace)
        self._limit_bytes = config.store.limit_gb * 1e9 if config.store.limit_gb else None
        self._told: set[str] = set()
        self._published: set[str] = set()
        self._due, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="store-store_gc", daemon=True)

    def __enter__(self) -> StoreGC:
        if self._limit_bytes or self._store.remote:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def started(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.started`."""

    def finished(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.finished`."""
        self._standing = state
        self._due.set()

    def _work(self) -> None:
        last = False
        while not last:
            self._due.wait()
            self._due.clear()
            last, began = self._ended.is_set(), time.monotonic()
            try:
                self._look()
            except Exception as error:
                self._tell(f"the store is not looked after: {type(error).__name__}: {error}")
            self._ended.wait(max(EVERY_S, (time.monotonic() - began) / SHARE))

    def _look(self) -> None:
        if self._store.remote:
            keys = front_keys(self._standing)
            if keys != self._published:
                self._store.remote.keep(self._store.owner, keys)
                self._published = keys
        if self._limit_bytes:
            self._fit(self._store.folder, f"the store in {self._store.root}", self._limit_bytes)
            if self._store.remote:
                self._fit(self._store.remote, f"the store {self._store.url}", self._limit_bytes)

    def _fit(self, place: StoreBackend, name: str, limit_bytes: float) -> None:
        size = sum(record.size_bytes for record in place.records())
        if size <= limit_bytes:
            return
        gone = evict(place, limit_bytes * ROOM, needed_keys(self._workspace))
        size -= sum(record.size_bytes for record in gone)
        if size > limit_bytes:
            self._tell(
                f"{name} has {size / 1e9:.3g} GB that fronts and running trials need, more than store.limit_gb "
                f"({limit_bytes / 1e9:g}); raise it"
            )

    def _tell(self, message: str) -> None:
        """Say it once."""
        if message not in self._told:
            self._told.add(message)
            LOG.warning("%s", message)


def needed_keys(workspace: Workspace) -> set[str]:
    """The keys of all results that the front of some sweep of `workspace` rests on, or its uncompressed teacher.

    Raises:
        InputError: a sweep cannot be read, so that nobody knows what it needs.
    """
    return {key for name in workspace.sweeps() for key in front_keys(load_sweep(name, workspace).state)}


def front_keys(state: SweepState) -> set[str]:
    """The same for one sweep."""
    trials = [*state.front.members, *([state.baseline] if state.baseline else [])]
    results = [trial.result for trial in trials if trial.result]
    return {stage.key for result in results for stage in (*result.stages, *result.other_stages)}
