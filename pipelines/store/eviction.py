"""Room is made by removing the entries whose last use is longest ago."""

from __future__ import annotations

from collections.abc import Collection

from pipelines.store.backend import StoreBackend
from pipelines.store.entry import Record


def evict(place: StoreBackend, limit_bytes: float, keep: Collection[str], dry_run: bool = False) -> list[Record]:
    """Remove entries of `place`, the least recently used first, until the others fit into `limit_bytes`.

    Args:
        place: Where.
        limit_bytes: What the entries may occupy.
        keep: Keys that stay, beside those that living workers have pinned.
        dry_run: Only say what would go.

    Returns:
        What was removed. The rest may still be larger than the limit, if all of it has to stay.
    """
    gone = []
    with place.still() as pinned:
        records = sorted(place.records(), key=lambda record: record.used)
        excess = sum(record.size_bytes for record in records) - limit_bytes
        for record in records:
            if excess <= 0:
                break
            if record.key not in keep and record.key not in pinned and (dry_run or place.remove(record.key)):
                excess -= record.size_bytes
                gone.append(record)
    return gone
