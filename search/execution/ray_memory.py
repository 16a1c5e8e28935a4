"""The memory that Ray offers to trials."""

from __future__ import annotations


def offered_memory() -> int:
    """Return how many bytes a Ray that is started here now offers to trials: what is free, less its own store."""
    from ray._private.utils import estimate_available_memory, resolve_object_store_memory  # as Ray itself reckons

    available = estimate_available_memory()
    return int(available - resolve_object_store_memory(available))
