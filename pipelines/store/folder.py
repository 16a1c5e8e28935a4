"""Entries in a folder: of this machine, or of a file system that several share."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import Timeout

from pipelines import own_folder
from pipelines.store.entry import MANIFEST, Record, read_manifest, verified
from pipelines.store.held import held, is_held, nobody_holds


class Folder:
    """Entries in a folder, each in a folder named by its key.

    An entry is written aside and appears by a rename; it disappears by one. Locks are the kernel's, so that a dead
    process holds none.

    Args:
        root: The folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Return the path of the entry `key`, if it is there."""
        return self.root / "entries" / key[:2] / key

    def has(self, key: str) -> bool:
        """Return True if there is an entry `key`, whatever its bytes are."""
        return (self.path(key) / MANIFEST).exists()

    def find(self, key: str) -> Mapping[str, Any] | None:
        """The manifest of the entry `key` if it is there and its bytes are what was written."""
        return verified(self.path(key))

    def touch(self, key: str) -> float:
        """Note that the entry `key` is used now; the seconds since it was used before."""
        now, manifest = time.time(), self.path(key) / MANIFEST
        with suppress(OSError):  # it may have gone, or be somebody else's
            before = manifest.stat().st_mtime
            os.utime(manifest, (now, now))
            return now - before
        return 0.0

    def lock(self, key: str, timeout_s: float = -1) -> AbstractContextManager[None]:
        """The right to make the entry `key`."""
        self._claim()
        return held(self.root / "locks" / key, timeout_s)

    @contextmanager
    def draft(self, key: str) -> Iterator[Path]:
        """An empty folder that is removed at the end, unless `install` has made an entry of it."""
        self._claim()
        path = self.root / "drafts" / f"{key}.{uuid4().hex[:8]}"
        with held(_lock_of(path)):
            path.mkdir()
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)

    def install(self, draft: Path, key: str) -> Path:
        """Make `draft` the entry `key`, in place of a damaged one; one that somebody else has made meanwhile stays."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                os.replace(draft, path)
                return path
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                if verified(path):
                    return path
                self.remove(key)

    @contextmanager
    def pin(self, keys: Collection[str]) -> Iterator[None]:
        """Let nobody evict the entries `keys`, there or still to come, until the end or this process' death."""
        self._claim()
        pin = self.root / "pins" / uuid4().hex
        with held(_lock_of(pin)):
            with self._gate():
                pin.write_text(json.dumps(sorted(keys)), encoding="utf-8")
            try:
                yield
            finally:
                pin.unlink(missing_ok=True)

    @contextmanager
    def still(self) -> Iterator[Collection[str]]:
        """See `StoreBackend.still`: the keys that living processes have pinned."""
        with self._gate():
            pins = [pin for pin in (self.root / "pins").glob("*") if pin.suffix != ".lock"]
            yield {key for pin in pins if is_held(_lock_of(pin)) for key in json.loads(_text(pin) or "[]")}

    def _gate(self) -> AbstractContextManager[None]:
        """No pin is set while somebody evicts, and none is missed that was set before."""
        return self.lock("evict")

    def _claim(self) -> None:
        """See that nothing is written to, or removed from, a folder that is not a store."""
        own_folder.claim(self.root, lambda: next(self.manifests(), None) is not None)

    def records(self) -> Iterator[Record]:
        """See `StoreBackend.records`."""
        for path in (self.root / "entries").glob("*/*"):
            with suppress(OSError):  # it may go while it is looked at
                size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                manifest = path / MANIFEST
                yield Record(path.name, size, (manifest if manifest.exists() else path).stat().st_mtime)

    def about(self, key: str) -> Mapping[str, Any] | None:
        """See `StoreBackend.about`."""
        return read_manifest(self.path(key))

    def manifests(self) -> Iterator[Mapping[str, Any]]:
        """Yield each entry's manifest, in no order: files are not verified, what cannot be read is left out."""
        for path in (self.root / "entries").glob("*/*"):
            if manifest := read_manifest(path):
                yield manifest

    def damaged(self, key: str) -> bool:
        """See `StoreBackend.damaged`."""
        return verified(self.path(key)) is None and self.path(key).exists()

    def remove(self, key: str) -> bool:
        """See `StoreBackend.remove`."""
        with self.draft(key) as aside:
            try:
                os.replace(self.path(key), aside / key)
            except FileNotFoundError:
                return False
        return True

    def leftovers(self, remove: bool) -> list[str]:
        """See `StoreBackend.leftovers`: drafts, pins and locks that no process holds, marks of entries that went."""
        if remove and self.root.exists():
            self._claim()
        found = []
        for path in sorted(path for name in ("drafts", "pins", "locks") for path in (self.root / name).glob("*")):
            own = path.parent.name == "locks" or path.suffix == ".lock"
            if not path.exists() or (path.suffix == ".lock" and path.with_suffix("").exists()):
                continue  # it goes with what it guards
            with suppress(Timeout):
                lock = path if own else _lock_of(path)
                with held(lock, 0) if remove else nobody_holds(lock):
                    found.append(path)
                    if remove and not own:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in (self.root / "unsent").glob("*"):
            if not self.path(path.name).exists():
                found.append(path)
                if remove:
                    path.unlink(missing_ok=True)
        return [path.relative_to(self.root).as_posix() for path in found]


def _lock_of(path: Path) -> Path:
    """The lock that says if the maker of a draft or a pin is alive."""
    return path.with_name(f"{path.name}.lock")


def _text(path: Path) -> str:
    """The file's text; empty if it has gone."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
