"""``paredown pick``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.table import Table

from search.cli.options import Json, Name, Where
from search.cli.output import err, out, print_json
from search.study.workspace import Workspace
from spaces import counted

if TYPE_CHECKING:
    from search.analysis.held_out import HeldOut
    from search.selection.choice import Choice

T = TypeVar("T")

EXAMPLE = 'paredown pick digits --where "accuracy>=0.97" --minimize latency_ms --export out/'


def pick(
    name: Name,
    where: Where = None,
    minimize: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Pick the least of METRIC.", show_default=False)
    ] = None,
    maximize: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Pick the most of METRIC.", show_default=False)
    ] = None,
    knee: Annotated[
        bool, typer.Option("--knee", help="Decide by the knee: the member nearest to the ideal (the default).")
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC=NUMBER,…",
            help="Decide by weights over the front's range (weighted Chebyshev), such as accuracy=2,latency_ms=1.",
        ),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Export the model with its manifest and card to DIR.")
    ] = None,
    register: Annotated[
        str | None, typer.Option(metavar="NAME@ALIAS", help="Register the model in MLflow under NAME@ALIAS.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Pick one configuration of the front, say why that one, and test it on held-out data."""
    from search.analysis.held_out import held_out, hold_out
    from search.analysis.on_request import lacking, with_requested
    from search.analysis.post_hoc import PostHoc
    from search.reports.report import trial_json
    from search.reports.table import number
    from search.selection.choice import pick as choose
    from search.selection.options import read_options
    from search.shipping.export import check_room
    from search.shipping.export import export as write_export
    from search.shipping.export_bundle import ExportBundle
    from search.study.saved import load_sweep, stored_evaluator

    workspace = Workspace.default()
    known = load_sweep(name, workspace) if name in workspace.sweeps() else None
    targets, checks = known.config.targets.named if known else None, _outside(name, export, register)
    constraints, prefer = read_options(where or (), minimize, maximize, knee, weights, checks, targets)
    sweep, folder = known or load_sweep(name, workspace), workspace.sweep(name)
    named = (*(each.name for each in constraints), *prefer.needs(sweep.config.objectives))
    front, build = sweep.state.front, stored_evaluator(sweep, workspace)
    if names := lacking(front, named):
        files = counted(len(front.members), "file")
        err().print(f"measuring {' and '.join(names)} of {files}: no trial was asked for it")
        front = with_requested(front, names, build.on_request)
    chosen = choose(front, constraints, prefer)
    if export:  # before the test split is opened, which cannot be taken back
        check_room(export, chosen.trial)
    opened = held_out(folder.held_out)
    file, found = hold_out(chosen.trial, build, folder.held_out)
    if others := sorted(opened.keys() - {chosen.trial.number}):
        err().print(_opened_before(others), soft_wrap=True)
    post_hoc = PostHoc.of(sweep, folder)
    data = {
        **trial_json(chosen.trial, post_hoc),
        **choice_json(chosen),
        "validation_accuracy": found.validation.accuracy,
        "test_accuracy": found.test.accuracy,
    }
    if export:
        write_export(ExportBundle(sweep, chosen, file, found, post_hoc, build), export)
        data["exported"] = str(export)
    if register:
        from search.tracking.registry import parse_name
        from search.tracking.registry import register as write_registry

        version = write_registry(
            sweep.config, workspace, chosen.trial, file, build, *parse_name(register), test_accuracy=found.test.accuracy
        )
        data["registered"] = f"{register} version {version}"
    if as_json:
        print_json(data)
        return
    console = out()
    console.print(f"[bold]trial {chosen.trial.number}[/bold]  {chosen.trial.label}")
    console.print(f"  why: {chosen.reason}", soft_wrap=True)
    for objective in sweep.config.objectives:
        console.print(f"  {objective.name}: {number(chosen.trial.metrics.get(objective.name))}")
    console.print(_side_by_side(found, again=chosen.trial.number in opened))
    for key in ("exported", "registered"):
        if key in data:
            console.print(f"  {key}: {data[key]}")


def choice_json(chosen: Choice) -> dict[str, Any]:
    """The choice with its reason and its runner-up, as plain data."""
    second = chosen.runner_up
    return {
        "reason": chosen.reason,
        "feasible": chosen.feasible,
        "members": chosen.members,
        "runner_up": second and {"trial": second.number, "label": second.label, "costs": dict(chosen.costs)},
    }


def _outside(name: str, export: Path | None, register: str | None) -> list[Callable[[], object]]:
    """Return what raises `InputError` where a name or a folder is of no use."""
    from search.shipping.export import export_folder

    checks: list[Callable[[], object]] = [lambda: Workspace.default().existing(name)]
    if export:
        checks.append(lambda: export_folder(export))
    if register:
        from search.tracking.registry import parse_name

        checks.append(lambda: parse_name(register))
    return checks


def _side_by_side(found: HeldOut, *, again: bool) -> Table:
    """The accuracy on both splits with how sure it is."""
    from search.reports.table import score_cells

    table = Table()
    for column in ("", "accuracy", "95 % interval", "examples"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("validation", *score_cells(found.validation))
    when = datetime.fromtimestamp(found.opened).strftime("%Y-%m-%d %H:%M")
    table.add_row(f"test (opened {when})" if again else "test", *score_cells(found.test))
    return table


def _opened_before(others: Sequence[int]) -> str:
    listed = ", ".join(map(str, others))
    return (
        f"the test split was opened before, for trial {listed}: a choice between them by their test scores would make "
        "the chosen one's too good"
    )
