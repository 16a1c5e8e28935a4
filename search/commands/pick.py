"""``paredown pick``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines import METRICS
from search.commands.output import out, print_json
from search.export import export as write_export
from search.export import hold_out
from search.objective import Constraint, Objective
from search.pick import pick as choose
from search.report import trial_json
from search.saved import load_sweep, sweep_evaluator
from search.table import number
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
    sweep = load_sweep(name)
    chosen = choose(sweep.standing.front, constraints, best)
    build = sweep_evaluator(sweep.config, Workspace.default())
    file, held_out = hold_out(sweep.config, chosen.trial, build)
    data = {
        **trial_json(chosen.trial),
        "reason": chosen.reason,
        "validation_accuracy": held_out.validation,
        "test_accuracy": held_out.test,
    }
    if export:
        write_export(sweep.config, chosen.trial, chosen.reason, file, held_out, export)
        data["exported"] = str(export)
    if register:
        from search.registry import register as write_registry

        version = write_registry(sweep.config, Workspace.default(), chosen.trial, file, build, *parse_name(register))
        data["registered"] = f"{register} version {version}"
    if as_json:
        print_json(data)
        return
    console = out()
    console.print(f"[bold]trial {chosen.trial.number}[/bold]  {chosen.trial.label}")
    console.print(f"  why: {chosen.reason}")
    for objective in sweep.config.objectives:
        console.print(f"  {objective.name}: {number(chosen.trial.metrics.get(objective.name))}")
    console.print(f"  held-out test accuracy: {number(held_out.test)} (validation: {number(held_out.validation)})")
    for key in ("exported", "registered"):
        if key in data:
            console.print(f"  {key}: {data[key]}")


def _best(minimize: str | None, maximize: str | None, knee: bool) -> Objective | None:
    if sum((minimize is not None, maximize is not None, knee)) > 1:
        raise InputError.at("--minimize, --maximize, --knee", "give one of them")
    for option, name in (("--minimize", minimize), ("--maximize", maximize)):
        if name is not None and name not in METRICS:
            raise InputError.at(option, illegal(name, list(METRICS)))
    if minimize:
        return Objective(minimize, "minimize")
    return Objective(maximize, "maximize") if maximize else None
