"""Amounts of memory as people write them."""

from __future__ import annotations

import re

from spaces import shown

UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

LEAST, MOST = 64 * 10**6, 64 * 10**12
"""A worker has more than the first before it begins."""

LEGAL = "a number and a unit, such as 500MB, 8GB or 8GiB; at least 64MB"

_BY_NAME = {name.lower(): size for name, size in UNITS.items()}


def parse_memory(value: object) -> int:
    """The bytes that a person wrote, such as ``8GB``.

    Raises:
        ValueError: it is no amount of memory; the message says what is legal.
    """
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)", str(value).strip().lower())
    size = _BY_NAME.get(found.group(2)) if found else None
    if found is None or size is None or not LEAST <= float(found.group(1)) * size <= MOST:
        raise ValueError(f"{shown(value)} is not an amount of memory; legal: {LEGAL}")
    return int(float(found.group(1)) * size)


def memory_words(amount: float) -> str:
    """`amount` bytes for people, such as ``8 GB`` or ``512 MB``."""
    return f"{amount / 1e9:.3g} GB" if amount >= 1e9 else f"{amount / 1e6:.3g} MB"
