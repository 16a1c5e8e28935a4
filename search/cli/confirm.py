"""``paredown confirm``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from search.cli.options import Json, Name
from search.cli.output import err, out, print_json
from search.errors import SweepError
from search.study.workspace import Workspace
from spaces import InputError, counted, listed

if TYPE_CHECKING:
    from search.analysis.confirmation import Confirmation
    from search.study.saved import Sweep
    from search.study.trial import Trial
    from search.tracking.annotation import Annotation

EXAMPLE = "paredown confirm digits --seeds 3 --trials 12 --trials 17"


def confirm(
    name: Name,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Number of additional seeds.")] = 3,
    trials: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Trial to repeat, instead of the front's members; may be given several times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the front's members again from the beginning with other seeds, and show which are more than luck."""
    from search.analysis.confirmation import confirm as run_confirmation
    from search.analysis.post_hoc import PostHoc
    from search.finalize import report
    from search.reports.table import number
    from search.study.saved import load_sweep
    from search.tracking.annotation import annotate

    workspace, console = Workspace.default(), err()
    sweep = load_sweep(name, workspace)
    chosen = _chosen(sweep, trials or ())
    first = sweep.config.search.seed + 1
    total, ended = seeds * len(chosen), []

    def told(seed: int, trial: Trial) -> None:
        ended.append(trial)
        if trial.failure:
            what = f"failed: {trial.failure.headline}"
        else:
            what = "  ".join(f"{o.name} {number(trial.metrics[o.name])}" for o in sweep.config.objectives)
        line = f"[{len(ended)}/{total}] seed {seed} trial {trial.number} {trial.label}: {what}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    found = run_confirmation(sweep, workspace, chosen, range(first, first + seeds), on_progress=told)
    post_hoc = PostHoc.of(sweep, workspace.sweep(name))
    report(annotate(sweep, workspace, post_hoc, _annotation(found)), console)
    if as_json:
        print_json(confirmation_json(found))
        return
    out().print(_table(found))


def _chosen(sweep: Sweep, numbers: Sequence[int]) -> tuple[Trial, ...]:
    """The trials with `numbers`, or the front's members."""
    complete = {trial.number: trial for trial in sweep.trials if trial.state == "complete"}
    if unknown := [number for number in numbers if number not in complete]:
        raise InputError.at("--trials", f"{listed(unknown)}: not complete trials of {sweep.config.sweep!r}")
    if not numbers and not sweep.state.front.members:
        raise SweepError("the front is empty: no trial is complete and within the sweep's constraints")
    return tuple(complete[n] for n in dict.fromkeys(numbers)) if numbers else sweep.state.front.members


def confirmation_json(found: Confirmation) -> dict[str, Any]:
    """A confirmation as plain data."""
    names = [objective.name for objective in found.config.objectives]
    return {
        "sweep": found.config.sweep,
        "seeds": list(found.repeats),
        "trials": [
            {
                "trial": trial.number,
                "label": trial.label,
                "recorded": {name: trial.metrics[name] for name in names},
                "mean": {name: found.mean(trial.number, name) for name in names},
                "spread": {name: found.spread(trial.number, name) for name in names},
                "survived": found.survived(trial.number),
                "repeats": {
                    seed: {"metrics": dict(each.metrics), "reason": each.failure.reason if each.failure else ""}
                    for seed, trials in found.repeats.items()
                    for each in trials
                    if each.number == trial.number
                },
            }
            for trial in found.trials
        ],
    }


def _annotation(found: Confirmation) -> Annotation:
    """The annotation by which MLflow shows it."""
    from search.tracking.annotation import Annotation

    metrics, tags = {}, {}
    for trial in found.trials:
        values: dict[str, float | None] = {"survived": float(found.survived(trial.number))}
        for objective in found.config.objectives:
            values[f"{objective.name}_mean"] = found.mean(trial.number, objective.name)
            values[f"{objective.name}_spread"] = found.spread(trial.number, objective.name)
        metrics[trial.number] = {f"confirm/{name}": value for name, value in values.items() if value is not None}
        tags[trial.number] = {
            "confirm": f"on the front with {found.survived(trial.number)} of {counted(len(found.repeats), 'seed')}"
        }
    data = json.dumps(confirmation_json(found), indent=1, ensure_ascii=False)
    return Annotation(metrics, tags, {"confirm.json": data})


def _table(found: Confirmation) -> Table:
    seeds = ", ".join(map(str, found.repeats))
    table = Table(title=f"Made again with seeds {seeds}: recorded → mean ± standard deviation")
    table.add_column("trial", justify="right")
    table.add_column("recipe", overflow="fold")
    for objective in found.config.objectives:
        table.add_column(objective.name, justify="right")
    table.add_column("on the front", justify="right")
    table.add_column("failed", justify="right")
    for trial in found.trials:
        cells = [_cell(found, trial, objective.name) for objective in found.config.objectives]
        failed = len(found.repeats) - len(found.values(trial.number, found.config.objectives[0].name))
        survived = f"{found.survived(trial.number)} of {len(found.repeats)}"
        table.add_row(str(trial.number), trial.label, *cells, survived, str(failed or ""))
    return table


def _cell(found: Confirmation, trial: Trial, name: str) -> str:
    from search.reports.table import number

    mean, spread = found.mean(trial.number, name), found.spread(trial.number, name)
    if mean is None:
        return f"{number(trial.metrics[name])} → ?"
    return f"{number(trial.metrics[name])} → {number(mean)}" + (f" ± {spread:.2g}" if spread is not None else "")
