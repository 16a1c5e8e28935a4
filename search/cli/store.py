"""``paredown store``: list, verify and clean what stages have left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.store import Folder, Record, Remote, StoreBackend, evict
from search.cli.options import Json
from search.cli.output import out, print_json
from search.errors import SweepError
from search.study.workspace import Workspace
from spaces import InputError, counted

RIGHT = ("MB", "seconds")

store = typer.Typer(
    help="List, verify and clean what stages have left for others to use.",
    no_args_is_help=True,
    epilog="Example: paredown store list",
)

Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Use the store behind an fsspec URL.", show_default="the workspace's folder"),
]


@store.command("list", epilog="Example: paredown store list --url s3://bucket/folder")
def list_entries(url: Url = None, json: Json = False) -> None:
    """Show each entry: what made it, its size and cost, when it was last used, and whether a front needs it."""
    from search.store_gc import needed_keys

    workspace = Workspace.default()
    name, place = _place(url, workspace)
    with_fronts = needed_keys(workspace)
    rows = [_row(record, place, with_fronts) for record in sorted(place.records(), key=lambda r: -r.used)]
    size_gb, seconds = sum(row["size_bytes"] for row in rows) / 1e9, sum(row["seconds"] or 0.0 for row in rows)
    if json:
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
        f"{name}: {counted(len(rows), 'entry')}, {size_gb:.3f} GB; "
        f"computing all of it again would take {seconds:.0f} s",
        markup=False,
        soft_wrap=True,
    )


@store.command(epilog="Example: paredown store verify")
def verify(url: Url = None, json: Json = False) -> None:
    """Hash the bytes of every entry, and name those that are not what was written; exit code 1 if there are any."""
    name, place = _place(url, Workspace.default())
    keys = sorted(record.key for record in place.records())
    damaged = [key for key in keys if place.damaged(key)]
    if json:
        print_json({"store": name, "entries": len(keys), "damaged": damaged})
    else:
        out().print(
            f"{name}: {len(keys) - len(damaged)} of {counted(len(keys), 'entry')} whole", markup=False, soft_wrap=True
        )
    if damaged:
        option = f" --url {url}" if url else ""
        raise SweepError(
            f"{len(damaged)} damaged (they are not used, and computed again when they are needed): "
            f"{', '.join(damaged)}; remove them with: paredown store clean{option}"
        )


@store.command(epilog="Example: paredown store clean --limit-gb 20 --dry-run")
def clean(
    url: Url = None,
    limit_gb: Annotated[
        float | None,
        typer.Option(help="Evict the least recently used entries down to this size.", show_default="no limit"),
    ] = None,
    unused: Annotated[bool, typer.Option("--unused", help="Evict everything that no front needs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")] = False,
    json: Json = False,
) -> None:
    """Remove damaged entries and what dead processes have left; evict more if asked to, never what a front needs."""
    from search.config.sections import LIMIT_GB
    from search.store_gc import needed_keys

    if limit_gb is not None and (problem := LIMIT_GB.problem(limit_gb)):
        raise InputError.at("--limit-gb", problem)
    workspace = Workspace.default()
    name, place = _place(url, workspace)
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
    if json:
        evicted = [record.key for record in gone]
        data = {"store": name, "damaged": sorted(damaged), "evicted": evicted, "leftovers": left, "freed_gb": freed_gb}
        print_json({**data, "dry_run": dry_run})
        return
    console = out()
    for what, names in (("damaged", sorted(damaged)), ("unused", [r.key for r in gone]), ("left by the dead", left)):
        for each in names:
            console.print(f"{what}: {each}", markup=False, soft_wrap=True)
    verb = "would free" if dry_run else "freed"
    counts = f"{len(damaged)} damaged, {len(gone)} unused, {counted(len(left), 'leftover')} of dead processes"
    console.print(f"{name}: {verb} {freed_gb:.3f} GB ({counts})", markup=False, soft_wrap=True)


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


def _place(url: str | None, workspace: Workspace) -> tuple[str, StoreBackend]:
    """The store behind `url`, or the workspace's own when None; with its name for people.

    Raises:
        InputError: the URL cannot be read.
    """
    if url is None:
        return str(workspace.store), Folder(workspace.store)
    remote = Remote(url)
    remote.check("--url", write=False)
    return url, remote
