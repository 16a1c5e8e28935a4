"""Files that appear whole or not at all: written aside in the same folder, synced to the disk, then renamed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SHORT = 40
"""So many characters of a file's name are in that of its draft."""


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, in place of what was there; missing folders are made."""
    with _written_aside(path, data) as draft:
        os.replace(draft, path)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any, indent: int | None = 1) -> None:
    """Write `data` to `path` as JSON; see `write_bytes`.

    Raises:
        TypeError: `data` holds something that JSON cannot say; the file stays as it was.
    """
    # In ASCII: an error message may hold characters that UTF-8 cannot encode.
    write_bytes(path, json.dumps(data, indent=indent).encode("ascii"))


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8 so that nobody but its owner can read it; see `write_bytes`."""
    with _written_aside(path, text.encode(), mode=0o600) as draft:
        os.replace(draft, path)


def create_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` unless there is such a file: of several processes that try, the first one wins."""
    with _written_aside(path, data) as draft, suppress(FileExistsError):
        os.link(draft, path)


def create_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8 unless there is such a file; see `create_bytes`."""
    create_bytes(path, text.encode())


def sync(path: Path) -> None:
    """Wait until the bytes of the file `path`, whoever wrote them, are on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def _written_aside(path: Path, data: bytes, mode: int = 0o666) -> Iterator[Path]:
    """Yield a file beside `path` that holds `data` and is on the disk; it is gone at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of this thread's own, in any process; as long as any name may be, though `path` may have the longest.
    draft = path.with_name(f".{path.name[:SHORT]}.{threading.get_native_id()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
            stream.write(data)
        sync(draft)
        yield draft
    finally:
        draft.unlink(missing_ok=True)
