"""``paredown store clean``."""

from __future__ import annotations

from pipelines.store import Record, evict
from search.cli.output import out, print_json
from search.cli.store_place import store_place
from search.store_gc import needed_keys
from search.study.workspace import Workspace


def store_clean(url: str | None, limit_gb: float | None, unused: bool, dry_run: bool, as_json: bool) -> None:
    """See `search.cli.store_app.clean`."""
    workspace = Workspace.default()
    name, place = store_place(url, workspace)
    limit_bytes = 0.0 if unused else None if limit_gb is None else limit_gb * 1e9
    keep = needed_keys(workspace) if limit_bytes is not None else set()
    damaged = {record.key: record for record in place.records() if place.damaged(record.key)}
    for key in damaged if not dry_run else ():
        place.remove(key)
    gone: list[Record] = []
    if limit_bytes is not None:
        gone = [record for record in evict(place, limit_bytes, keep, dry_run) if record.key not in damaged]
    left = place.leftovers(remove=not dry_run)
    freed_gb = sum(record.size_bytes for record in [*damaged.values(), *gone]) / 1e9
    if as_json:
        evicted = [record.key for record in gone]
        data = {"store": name, "damaged": sorted(damaged), "evicted": evicted, "leftovers": left, "freed_gb": freed_gb}
        print_json({**data, "dry_run": dry_run})
        return
    console = out()
    for what, names in (("damaged", sorted(damaged)), ("unused", [r.key for r in gone]), ("left by the dead", left)):
        for each in names:
            console.print(f"{what}: {each}", markup=False, soft_wrap=True)
    verb = "would free" if dry_run else "freed"
    counts = f"{len(damaged)} damaged and {len(gone)} unused entries, {len(left)} leftovers of dead processes"
    console.print(f"{name}: {verb} {freed_gb:.3f} GB ({counts})", markup=False, soft_wrap=True)
