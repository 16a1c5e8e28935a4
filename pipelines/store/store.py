"""The store in which stages find their results, and leave them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import Timeout

from pipelines.ledger import Ledger
from pipelines.store.backend import SharedPlace
from pipelines.store.entry import Entry, seal
from pipelines.store.folder import Folder
from pipelines.store.remote import Remote

TOUCH_EVERY_S, AWAY_S = 600.0, 60.0
"""The last use of an entry behind the folder is noted no more often than the first. After a failure there, work goes on
without it for the second: backends try for long before they give up."""

OWN = "own"
"""The account of what an entry itself took: what was spent on waiting meanwhile is not its own."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """Results by key: whole or not there, verified when read, made by one process at a time. Failures are not kept.

    Small and picklable: nothing is opened before it is used.

    Attributes:
        root: The folder. With a URL or a hub it is a copy of what was used here, which may be deleted.
        url: An fsspec URL where all results go, too; none, when None.
        owner: For whom results are made, if that is one sweep; see `pipelines.store.claim.Claim`.
        hub: The folder of another machine, for one that does not see it. Without a URL all results go there; with one,
            only states of trainings.
    """

    root: Path
    url: str | None = None
    owner: str = ""
    hub: SharedPlace | None = None

    def get(self, key: str) -> Path | None:
        """The folder of the entry `key`, its files verified, or None if there is no undamaged one."""
        entry = self.find(key)
        return entry.folder if entry else None

    def find(self, key: str) -> Entry | None:
        """The entry `key`, its files verified, or None if there is no undamaged one; fetched if it is not here."""
        return self._here(key) or self._fetch(key)

    def compute(self, key: str, make: Callable[[Path], None], about: Mapping[str, Any]) -> Entry:
        """The entry `key`, made by ``make(empty_folder)`` unless it is there.

        Only one process makes an entry at a time; others wait and take its result, or make it if that process died.

        Args:
            key: What the result depends on, digested.
            make: Writes the result's files into the folder that it is given; its exceptions pass through.
            about: What people want to know of the entry: goes into its manifest.
        """
        if found := self.find(key):
            return found
        with self.folder.lock(key):
            if found := self._here(key):
                return found
            with self._claimed(key) as found:
                return found or self._make(key, make, about)

    def has(self, key: str) -> bool:
        """Return True if there seems to be an entry `key`, here or behind the folder; quick: nothing is verified."""
        if self.folder.has(key):
            return True
        if not (shared := self._reachable()):
            return False
        try:
            return shared.has(key)
        except Exception as error:
            self._warn("cannot look for", key, error, "it is taken for missing")
            return False

    def discard(self, key: str) -> None:
        """Remove the entry `key` from the folder, and from the hub's, if it is there: for what has had its use."""
        self.folder.remove(key)
        if self.url is None and (hub := self._reachable()):
            try:
                hub.remove(key)
            except Exception as error:
                self._warn("cannot remove", key, error, "it is left there")

    @property
    def unfinished(self) -> Store:
        """The store of states of trainings: they go to no URL, as they change each minute."""
        return Store(self.root, hub=self.hub)

    def pinned(self, keys: Collection[str]) -> AbstractContextManager[None]:
        """Let nobody evict the entries `keys` from the folder while the context is open."""
        return self.folder.pin(keys)

    @cached_property
    def folder(self) -> Folder:
        """The entries that are here."""
        return Folder(self.root)

    @cached_property
    def remote(self) -> Remote | None:
        """The entries behind the URL, if there is one."""
        return Remote(self.url) if self.url else None

    def __getstate__(self) -> dict[str, Any]:
        # Whoever gets a copy opens its own connections.
        return {"root": self.root, "url": self.url, "owner": self.owner, "hub": self.hub}

    def _here(self, key: str) -> Entry | None:
        if (about := self.folder.find(key)) is None:
            return None
        self._show_use(key, about, self.folder.touch(key))
        return Entry(self.folder.path(key), about, reused=True)

    def _make(self, key: str, make: Callable[[Path], None], about: Mapping[str, Any]) -> Entry:
        with self.folder.draft(key) as draft:
            with Ledger(rest=OWN) as ledger:
                make(draft)
            manifest = seal(draft, {**about, "key": key, "seconds": ledger.seconds[OWN]})
            if self._shared:
                self._unsent(key).parent.mkdir(parents=True, exist_ok=True)
                self._unsent(key).touch()
            folder = self.folder.install(draft, key)
        self._send(key, manifest)
        return Entry(folder, manifest, reused=False)

    @contextmanager
    def _claimed(self, key: str) -> Iterator[Entry | None]:
        """Hold the claim on `key` among all machines, or give the entry that another has made meanwhile."""
        if not (shared := self._reachable()):
            yield None
            return
        claim, found = shared.claim(key, self.owner), None
        try:
            found = claim.take(lambda: self._fetch(key))
        except Exception as error:
            self._warn("no claim on", key, error, "another machine may do the same work")
            yield None
            return
        try:
            yield found
        finally:
            if not found:
                try:
                    claim.release()
                except Exception as error:
                    self._warn("the claim was not given back on", key, error, "who waits for it takes it over")

    @property
    def _shared(self) -> SharedPlace | None:
        """What lies behind the folder, if anything does."""
        return self.remote or self.hub

    def _reachable(self) -> SharedPlace | None:
        """Return what lies behind the folder, unless something has just failed there."""
        return self._shared if self._shared and time.monotonic() >= self._shared.away_until else None

    def _fetch(self, key: str) -> Entry | None:
        if not (shared := self._reachable()):
            return None
        with self.folder.draft(key) as aside:
            try:
                if not shared.fetch(key, aside / "entry", aside / "pack.tar"):
                    return None
                shared.touch(key)
            except Exception as error:
                self._warn("cannot read", key, error, "it is taken for missing")
                return None
            folder = self.folder.install(aside / "entry", key)
        about = self.folder.about(key)
        return Entry(folder, about, reused=True) if about else None

    def _show_use(self, key: str, about: Mapping[str, Any], unused_s: float) -> None:
        """Tell others that the entry is used, and send what an earlier try, or a killed process, has not sent."""
        if not (shared := self._reachable()):
            return
        if self._unsent(key).exists():
            try:
                with self.folder.lock(key, timeout_s=0):
                    self._send(key, about)
            except Timeout:  # its maker is about to
                pass
        elif unused_s > TOUCH_EVERY_S:
            try:
                shared.touch(key)
            except Exception as error:
                self._warn("cannot note the use of", key, error, "it may be evicted early")

    def _send(self, key: str, about: Mapping[str, Any]) -> None:
        if not (shared := self._reachable()):
            return
        try:
            with self.folder.draft(key) as aside:
                shared.send(key, self.folder.path(key), about, aside / "pack.tar")
            shared.touch(key)
        except Exception as error:
            self._warn("cannot send", key, error, "it is kept here and sent when it is next used")
        else:
            self._unsent(key).unlink(missing_ok=True)

    def _unsent(self, key: str) -> Path:
        """Exists from before an entry appears here until it has arrived behind the folder."""
        return self.root / "unsent" / key

    def _warn(self, what: str, key: str, error: Exception, then: str) -> None:
        if not (shared := self._shared):
            return
        shared.away_until = time.monotonic() + AWAY_S
        LOG.warning("%s: %s %s: %s: %s; %s", shared.url, what, key, type(error).__name__, error, then)
