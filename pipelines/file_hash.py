"""The hash by which files are known; values have `spaces.digest`."""

from __future__ import annotations

import hashlib
from io import BufferedIOBase
from pathlib import Path


def sha256(file: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return sha256_of(stream)


def sha256_of(stream: BufferedIOBase) -> str:
    """The SHA-256 of the bytes that `stream` has left, in hexadecimal."""
    return hashlib.file_digest(stream, "sha256").hexdigest()
