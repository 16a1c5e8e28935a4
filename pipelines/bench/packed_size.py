"""The size of a file as it would travel: packed with zstd."""

from __future__ import annotations

from pathlib import Path

import zstandard

ZSTD_LEVEL = 19
"""The highest of zstd's levels that needs no more memory to unpack; files are packed once and unpacked often."""


def packed_size(file: Path) -> int:
    """The bytes of `file` packed with zstd, on one thread: several would cut the file, and give another number.

    It takes about half a second for a megabyte of weights.
    """
    return len(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(file.read_bytes()))
