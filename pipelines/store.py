"""Where stages keep their results: a folder of folders named by key, each whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """A stage's result.

    Attributes:
        folder: Where its files are.
        seconds: How long it took to compute.
        reused: Whether it was there already.
    """

    folder: Path
    seconds: float
    reused: bool


class Store:
    """Results by key.

    An entry is written aside, with the hashes of its files, and appears by a rename, so that a killed writer leaves
    nothing that a reader could take for a result. A damaged entry is computed again. Failures are not kept.

    Args:
        root: The store's folder; on a cluster it must be on a file system that all machines share.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str) -> Path | None:
        """The folder of the entry `key`, its files verified, or None if there is no undamaged one."""
        manifest = _read(self._folder(key))
        return self._folder(key) if manifest is not None else None

    def has(self, key: str) -> bool:
        """Whether there is an entry `key`; its files are not verified, so that this is quick."""
        return (self._folder(key) / MANIFEST).exists()

    def compute(self, key: str, make: Callable[[Path], None], about: Mapping[str, Any]) -> Entry:
        """The entry `key`, made by ``make(empty_folder)`` unless it is there.

        Only one process makes an entry at a time; others wait and take its result, or make it if that process died.

        Args:
            key: What the result depends on, digested.
            make: Writes the result's files into the folder that it is given; its exceptions pass through.
            about: What people want to know of the entry: goes into its manifest.
        """
        folder = self._folder(key)
        if (found := _read(folder)) is not None:
            return Entry(folder, float(found["seconds"]), reused=True)
        with FileLock(self._aside("locks") / key):
            if (found := _read(folder)) is not None:
                return Entry(folder, float(found["seconds"]), reused=True)
            draft = Path(tempfile.mkdtemp(dir=self._aside("drafts"), prefix=f"{key}."))
            try:
                started = time.perf_counter()
                make(draft)
                seconds = time.perf_counter() - started
                _seal(draft, {**about, "key": key, "seconds": seconds})
                if folder.exists():  # damaged, or it would have been taken
                    shutil.rmtree(folder)
                folder.parent.mkdir(parents=True, exist_ok=True)
                os.replace(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return Entry(folder, seconds, reused=False)

    def _folder(self, key: str) -> Path:
        return self.root / "entries" / key[:2] / key

    def _aside(self, name: str) -> Path:
        (self.root / name).mkdir(parents=True, exist_ok=True)
        return self.root / name


def _seal(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the manifest, after every other file has reached the disk."""
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            files[file.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
    with (folder / MANIFEST).open("w", encoding="utf-8") as stream:
        json.dump({**about, "files": files}, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())


def _read(folder: Path) -> dict[str, Any] | None:
    """The manifest of `folder` if every file in it has the hash that it was written with."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, expected in manifest["files"].items():
            with (folder / name).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != expected:
                    return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # whatever a damaged file may look like
        return None
    return manifest
