"""``paredown store list``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from pipelines.store import Record, StoreBackend
from search.cli.output import out, print_json
from search.cli.store_place import store_place
from search.store_gc import needed_keys
from search.study.workspace import Workspace

RIGHT = ("MB", "seconds")


def store_list(url: str | None, as_json: bool) -> None:
    """See `search.cli.store_app.list_entries`."""
    workspace = Workspace.default()
    name, place = store_place(url, workspace)
    with_fronts = needed_keys(workspace)
    rows = [_row(record, place, with_fronts) for record in sorted(place.records(), key=lambda r: -r.used)]
    size_gb, seconds = sum(row["size_bytes"] for row in rows) / 1e9, sum(row["seconds"] or 0.0 for row in rows)
    if as_json:
        print_json({"store": name, "size_gb": size_gb, "seconds": seconds, "entries": rows})
        return
    table = Table()
    for column in ("key", "stage", "params", *RIGHT, "last used", "front"):
        table.add_column(column, justify="right" if column in RIGHT else "left", no_wrap=column != "params")
    for row in rows:
        used = datetime.fromtimestamp(row["used"]).astimezone().strftime("%Y-%m-%d %H:%M")
        params = " ".join(f"{name}={value}" for name, value in row["params"].items())
        took = "?" if row["seconds"] is None else f"{row['seconds']:.1f}"
        needed = "needed" if row["front"] else ""
        table.add_row(
            row["key"][:8], row["stage"], escape(params), f"{row['size_bytes'] / 1e6:.2f}", took, used, needed
        )
    if rows:
        out().print(table)
    out().print(
        f"{name}: {len(rows)} entries, {size_gb:.3f} GB; computing all of it again would take {seconds:.0f} s",
        markup=False,
        soft_wrap=True,
    )


def _row(record: Record, place: StoreBackend, with_fronts: set[str]) -> dict[str, Any]:
    about: Mapping[str, Any] = place.about(record.key) or {}
    return {
        "key": record.key,
        "stage": about.get("stage", "not readable"),
        "params": about.get("params", {}),
        "size_bytes": record.size_bytes,
        "seconds": about.get("seconds"),
        "used": record.used,
        "front": record.key in with_fronts,
    }
