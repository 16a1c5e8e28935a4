"""``paredown pick``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.table import Table

from pipelines import METRICS
from search.commands.output import err, out, print_json
from search.evidence import Evidence
from search.export import export as write_export
from search.held_out import HeldOut, held_out, hold_out
from search.objective import Constraint, Objective
from search.pick import pick as choose
from search.report import trial_json
from search.saved import load_sweep, stored_evaluator
from search.table import number, score_cells
from search.workspace import Workspace
from spaces import InputError, illegal


def pick(
    name: str,
    where: Sequence[str],
    minimize: str | None,
    maximize: str | None,
    knee: bool,
    export: Path | None,
    register: str | None,
    as_json: bool,
) -> None:
    """See `search.cli.pick`."""
    best = _best(minimize, maximize, knee)
    constraints = [Constraint.parse(text) for text in where]
    if register:
        from search.registry import parse_name

        parse_name(register)
    workspace = Workspace.default()
    sweep, folder = load_sweep(name, workspace), workspace.sweep(name)
    chosen = choose(sweep.standing.front, constraints, best)
    build = stored_evaluator(sweep, workspace)
    opened = held_out(folder.held_out)
    file, found = hold_out(chosen.trial, build, sweep.config.target, folder.held_out)
    if others := sorted(opened.keys() - {chosen.trial.number}):
        err().print(_opened_before(others), soft_wrap=True)
    data = {
        **trial_json(chosen.trial, Evidence.of(sweep, folder)),
        "reason": chosen.reason,
        "validation_accuracy": found.validation.accuracy,
        "test_accuracy": found.test.accuracy,
    }
    if export:
        write_export(sweep.config, chosen.trial, chosen.reason, file, found, export)
        data["exported"] = str(export)
    if register:
        from search.registry import register as write_registry

        version = write_registry(sweep.config, workspace, chosen.trial, file, build, *parse_name(register))
        data["registered"] = f"{register} version {version}"
    if as_json:
        print_json(data)
        return
    console = out()
    console.print(f"[bold]trial {chosen.trial.number}[/bold]  {chosen.trial.label}")
    console.print(f"  why: {chosen.reason}")
    for objective in sweep.config.objectives:
        console.print(f"  {objective.name}: {number(chosen.trial.metrics.get(objective.name))}")
    console.print(_side_by_side(found, again=chosen.trial.number in opened))
    for key in ("exported", "registered"):
        if key in data:
            console.print(f"  {key}: {data[key]}")


def _side_by_side(found: HeldOut, *, again: bool) -> Table:
    """The accuracy on both splits with how sure it is."""
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


def _best(minimize: str | None, maximize: str | None, knee: bool) -> Objective | None:
    if sum((minimize is not None, maximize is not None, knee)) > 1:
        raise InputError.at("--minimize, --maximize, --knee", "give one of them")
    for option, name in (("--minimize", minimize), ("--maximize", maximize)):
        if name is not None and name not in METRICS:
            raise InputError.at(option, illegal(name, list(METRICS)))
    if minimize:
        return Objective(minimize, "minimize")
    return Objective(maximize, "maximize") if maximize else None
