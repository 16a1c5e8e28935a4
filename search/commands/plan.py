"""``paredown plan``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from search.commands.output import out, print_json
from search.commands.preflight import preflight
from search.config import load_config
from search.plan import Plan


def plan(path: Path, overrides: Sequence[str], as_json: bool) -> None:
    """See `search.cli.plan`."""
    config = load_config(path, overrides)
    preflight(config)
    found = Plan.of(config)
    if as_json:
        print_json({"sweep": config.sweep, **found.to_json()})
        return
    console = out()
    console.print(f"sweep [bold]{config.sweep}[/bold]: {found.recipes} distinct recipes, {found.trials} trials")
    if config.search.trials and found.trials < config.search.trials:
        console.print(f"  search.trials is {config.search.trials}, but {found.trials} trials are all there are")
    _print_orders(console, found)
    _print_rules(console, found)
    _print_stages(console, found)
    for warning in found.warnings:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)


def _print_orders(console: Console, found: Plan) -> None:
    if len(found.orders) == 1:
        console.print(f"order: {next(iter(found.orders))}", markup=False)
        return
    console.print(f"orders ({found.recipes - sum(found.orders.values())} recipes mean the same in each):")
    for order, count in found.orders.items():
        console.print(f"  {order}: {count} recipes", markup=False)


def _print_rules(console: Console, found: Plan) -> None:
    if not found.rules:
        return
    console.print(f"ruled out: {found.excluded} more (one may be counted with several of these)")
    for rule, count in found.rules.items():
        console.print(f"  {count}  {rule}", markup=False, soft_wrap=True)


def _print_stages(console: Console, found: Plan) -> None:
    if found.shares is None:
        console.print("stages: one step can be done in so many ways that what is shared was not counted")
        return
    table = Table("stage", box=None)
    for column in ("recipes that need it", "different results", f"at most in {found.trials} trials"):
        table.add_column(column, justify="right")
    for share in found.shares:
        cells = (share.recipes, share.distinct, min(share.distinct, found.trials))
        table.add_row(share.stage, *map(str, cells))
    console.print(table)
