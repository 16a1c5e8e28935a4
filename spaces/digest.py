"""A stable name for a value: equal values have equal digests on every machine."""

from __future__ import annotations

import hashlib
import json


def digest(value: object) -> str:
    """The first 128 bits, in hexadecimal, of the SHA-256 of `value` written as canonical JSON.

    Keys are sorted and numbers normalised, so that ``{"a": 1.0}`` and ``{"a": 1}`` are the same value; ``{1: "a"}`` and
    ``{"1": "a"}`` are not.

    Raises:
        TypeError: `value` holds something that JSON cannot say.
    """
    text = json.dumps(_normal(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _normal(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key if isinstance(key, str) else f"!!{key!r}": _normal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normal(item) for item in value]
    return value
