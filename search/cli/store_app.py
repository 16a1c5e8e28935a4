"""The commands of ``paredown store``."""

from __future__ import annotations

from typing import Annotated

import typer

from search.cli.options import Json

store_app = typer.Typer(
    help="List, verify and clean what stages have left for others to use.",
    no_args_is_help=True,
    epilog="Example: paredown store list",
)

Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Use the store behind an fsspec URL.", show_default="the workspace's folder"),
]


@store_app.command("list", epilog="Example: paredown store list --url s3://bucket/folder")
def list_entries(url: Url = None, json: Json = False) -> None:
    """Show each entry: what made it, its size and cost, when it was last used, and whether a front needs it."""
    from search.cli.store_list import store_list

    store_list(url, json)


@store_app.command(epilog="Example: paredown store verify")
def verify(url: Url = None, json: Json = False) -> None:
    """Hash the bytes of every entry, and name those that are not what was written; exit code 1 if there are any."""
    from search.cli.store_verify import store_verify

    store_verify(url, json)


@store_app.command(epilog="Example: paredown store clean --limit-gb 20 --dry-run")
def clean(
    url: Url = None,
    limit_gb: Annotated[
        float | None,
        typer.Option(min=0, help="Evict the least recently used entries down to this size.", show_default="no limit"),
    ] = None,
    unused: Annotated[bool, typer.Option("--unused", help="Evict everything that no front needs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")] = False,
    json: Json = False,
) -> None:
    """Remove damaged entries and what dead processes have left; evict more if asked to, never what a front needs."""
    from search.cli.store_clean import store_clean

    store_clean(url, limit_gb, unused, dry_run, json)
