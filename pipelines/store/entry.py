"""An entry of the store: a folder of files, and the manifest that says what they are and what their bytes were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.file_hash import sha256
from pipelines.whole_file import sync, write_json

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """A stage's result.

    Attributes:
        folder: Where its files are.
        about: Its manifest.
        reused: Whether it was there already.
    """

    folder: Path
    about: Mapping[str, Any]
    reused: bool

    @property
    def seconds(self) -> float:
        """The seconds it took to compute."""
        return float(self.about["seconds"])


@dataclass(frozen=True)
class Record:
    """The record of an entry, without its files.

    Attributes:
        key: Its key.
        size_bytes: What it occupies.
        used: When it was last used, seconds since the epoch.
    """

    key: str
    size_bytes: int
    used: float


def seal(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of `folder`, after every other file has reached the disk.

    Returns:
        The manifest: `about`, and under ``files`` the SHA-256 of each file.
    """
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        files[file.relative_to(folder).as_posix()] = sha256(file)
        sync(file)
    manifest = {**about, "files": files}
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put `manifest` into `folder` and onto the disk."""
    write_json(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of `folder`, its files not looked at, or None if there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        float(manifest["seconds"])
        return {**manifest, "files": dict(manifest["files"])}
    except (OSError, ValueError, KeyError, TypeError):  # whatever a damaged file may look like
        return None


def verified(folder: Path) -> dict[str, Any] | None:
    """The manifest of `folder` if every file in it has the hash that it was written with."""
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    try:
        for name, expected in manifest["files"].items():
            if sha256(folder / name) != expected:
                return None
    except (OSError, ValueError):
        return None
    return manifest
