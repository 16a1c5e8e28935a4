"""Entries behind an fsspec URL, such as ``s3://bucket/folder``, where there is no rename and no lock."""

from __future__ import annotations

import json
import tarfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec

from pipelines.file_hash import sha256, sha256_of
from pipelines.own_folder import MARKER, TEXT
from pipelines.store.claim import Claim
from pipelines.store.entry import MANIFEST, Record, verified, write_manifest
from spaces import InputError

ABANDONED_S = 3600.0
"""An upload without a manifest, and a claim that was not refreshed, are left by the dead when they are this old."""

PARTS = ("entries", "used", "claims", "fronts")

NOTHING = "there is nothing"

LIST_EVERY_S = 5.0
"""One listing answers all questions of so many seconds about what is there: a driver asks thousands of them."""


class Remote:
    """Entries as objects: one with the files of the entry, named by its own hash, and the manifest, written last.

    So an entry exists when its manifest does and the object that it names has the bytes that it says. Whatever the
    backend raises passes through.

    Args:
        url: Where; credentials and endpoints come from the backend's own settings and environment variables.

    Attributes:
        away_until: When it is worth asking again after something has failed there, on the monotonic clock.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.away_until = 0.0
        self._listed: set[str] = set()
        self._listed_at = -LIST_EVERY_S

    @cached_property
    def _place(self) -> tuple[Any, str]:
        local = {"auto_mkdir": True} if self.url.startswith(("file://", "local://")) else {}
        fs, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **local)
        return fs, root.rstrip("/")

    def check(self, where: str = "store.url", write: bool = True) -> None:
        """Reach the place, and write there what says that it is a store.

        Args:
            where: What a problem is told of.
            write: Whether something may be written; else there has to be something.

        Raises:
            InputError: that is not possible; with what the backend said.
        """
        try:
            fs, root = self._place
            if not fs.exists(f"{root}/{MARKER}"):
                self._claim(write)
        except Exception as error:  # backends have no common base
            said = str(error) or type(error).__name__
            advice = "check the URL, its credentials and the endpoint"
            if isinstance(error, ImportError):
                advice = "install what speaks this protocol, such as: pip install s3fs (s3://) or gcsfs (gs://)"
            raise InputError.at(where, f"{self.url!r} cannot be used: {said}; {advice}") from error

    def _claim(self, write: bool) -> None:
        fs, root = self._place
        found = fs.ls(root, detail=False) if fs.exists(root) else []
        if not write:
            raise FileNotFoundError(f"it is no store of Paredown's: there is no {MARKER}" if found else NOTHING)
        if strange := sorted({path.rstrip("/").rsplit("/", 1)[-1] for path in found} - set(PARTS)):
            raise FileExistsError(f"it holds other things ({', '.join(strange[:3])}), so name an empty or new folder")
        fs.pipe_file(f"{root}/{MARKER}", TEXT.encode())
        fs.cat_file(f"{root}/{MARKER}")

    def has(self, key: str) -> bool:
        """Return True if the entry `key` was there, or on its way, when the place was listed some seconds ago."""
        fs, root = self._place
        if time.monotonic() - self._listed_at > LIST_EVERY_S:
            with suppress(FileNotFoundError):  # nothing was ever sent
                self._listed = {path.rsplit("/", 1)[-1] for path in fs.ls(f"{root}/entries", detail=False)}
            self._listed_at = time.monotonic()
        return key in self._listed

    def find(self, key: str) -> dict[str, Any] | None:
        """The manifest of the entry `key`, or None if there is none that can be read."""
        fs, root = self._place
        try:
            manifest: dict[str, Any] = json.loads(fs.cat_file(f"{root}/entries/{key}/{MANIFEST}"))
            return manifest if isinstance(manifest["pack"], str) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    about = find

    def fetch(self, key: str, draft: Path, file: Path) -> bool:
        """Unpack the entry `key` into the new folder `draft`; whether it was there, and is what was written.

        Args:
            key: The entry.
            draft: Where its files go.
            file: Where the packed files may lie meanwhile.
        """
        if (manifest := self.find(key)) is None:
            return False
        fs, root = self._place
        try:
            fs.get_file(f"{root}/entries/{key}/{manifest['pack']}.tar", str(file))
            if sha256(file) != manifest.pop("pack"):
                return False
            draft.mkdir()
            with tarfile.open(file) as pack:
                pack.extractall(draft, filter="data")
        except (FileNotFoundError, tarfile.TarError):
            return False
        finally:
            file.unlink(missing_ok=True)
        write_manifest(draft, manifest)
        return verified(draft) is not None

    def send(self, key: str, folder: Path, manifest: Mapping[str, Any], file: Path) -> None:
        """Put the files of `folder` there as the entry `key`; `file` is where they may lie packed meanwhile."""
        fs, root = self._place
        try:
            with tarfile.open(file, "w") as pack:
                for name in manifest["files"]:
                    pack.add(folder / name, name)
            digest = sha256(file)
            fs.put_file(str(file), f"{root}/entries/{key}/{digest}.tar")
        finally:
            file.unlink(missing_ok=True)
        fs.pipe_file(f"{root}/entries/{key}/{MANIFEST}", json.dumps({**manifest, "pack": digest}).encode())

    def touch(self, key: str) -> None:
        """Note that the entry `key` is used now."""
        fs, root = self._place
        fs.pipe_file(f"{root}/used/{key}", b"used")

    def claim(self, key: str, owner: str) -> Claim:
        """A claim on `key`, not taken yet."""
        fs, root = self._place
        return Claim(fs, f"{root}/claims/{key}", owner)

    def keep(self, owner: str, keys: Collection[str]) -> None:
        """Say which entries the fronts of `owner` need; nobody evicts them, on whatever machine."""
        fs, root = self._place
        fs.pipe_file(f"{root}/fronts/{owner}.json", json.dumps(sorted(keys)).encode())

    @contextmanager
    def still(self) -> Iterator[Collection[str]]:
        """See `StoreBackend.still`: the keys that any sweep's front needs. Who uses an entry has a copy, or makes one.

        Raises:
            InputError: nobody knows what a sweep needs, as its process was killed while it wrote that.
        """
        fs, _ = self._place
        needed: set[str] = set()
        for path in self._list("fronts"):
            try:
                needed |= set(json.loads(fs.cat_file(path)))
            except ValueError:
                raise InputError.at(path, "was written in part; run its sweep again, or remove it") from None
        yield needed

    def records(self) -> Iterator[Record]:
        """See `StoreBackend.records`."""
        used = {path.rsplit("/", 1)[1]: _modified(info) for path, info in self._list("used").items()}
        for key, objects in self._objects().items():
            size = sum(int(info["size"] or 0) for info in objects.values())
            yield Record(key, size, used.get(key) or max(map(_modified, objects.values())))

    def damaged(self, key: str) -> bool:
        """See `StoreBackend.damaged`."""
        fs, root = self._place
        if (manifest := self.find(key)) is None:
            return bool(fs.exists(f"{root}/entries/{key}/{MANIFEST}"))
        try:
            with fs.open(f"{root}/entries/{key}/{manifest['pack']}.tar", "rb") as stream:
                return str(manifest["pack"]) != sha256_of(stream)
        except FileNotFoundError:
            return True

    def remove(self, key: str) -> bool:
        """See `StoreBackend.remove`: the manifest goes first, and with it the entry."""
        fs, root = self._place
        paths = sorted(self._list(f"entries/{key}"), key=lambda path: not path.endswith(MANIFEST))
        for path in [*paths, f"{root}/used/{key}"]:
            with suppress(FileNotFoundError):
                fs.rm_file(path)
        return bool(paths)

    def leftovers(self, remove: bool) -> list[str]:
        """See `StoreBackend.leftovers`: claims and uploads that are too old for their maker to be alive."""
        fs, root = self._place
        old = {path: info for path, info in self._list("claims").items() if _age_s(info) > ABANDONED_S}
        entries = self._objects()
        old |= {path: info for path, info in self._list("used").items() if path.rsplit("/", 1)[1] not in entries}
        for key, objects in entries.items():
            manifest = self.find(key)
            named = (MANIFEST, f"{manifest['pack']}.tar") if manifest else (MANIFEST,)
            old |= {
                path: info
                for path, info in objects.items()
                if path.rsplit("/", 1)[1] not in named and _age_s(info) > ABANDONED_S
            }
        for path in old if remove else ():
            with suppress(FileNotFoundError):
                fs.rm_file(path)
        return [path.removeprefix(f"{root}/") for path in sorted(old)]

    def _objects(self) -> dict[str, dict[str, Any]]:
        """The objects of each entry, by its key."""
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        for path, info in self._list("entries").items():
            found[path.split("/")[-2]][path] = info
        return found

    def _list(self, folder: str) -> dict[str, Any]:
        """Return the objects in `folder`, by path."""
        fs, root = self._place
        return dict(fs.find(f"{root}/{folder}", detail=True))


def _modified(info: Mapping[str, Any]) -> float:
    """Return when an object was written, in seconds since the epoch; backends have each their own word for it."""
    names = ("LastModified", "mtime", "last_modified", "updated", "modified", "created")
    value = next((info[name] for name in names if info.get(name) is not None), 0.0)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.timestamp() if isinstance(value, datetime) else float(value)


def _age_s(info: Mapping[str, Any]) -> float:
    return time.time() - _modified(info)
