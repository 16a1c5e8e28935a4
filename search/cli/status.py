"""``paredown status``."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from search.cli.output import out, print_json
from search.reports.table import front_table
from search.study.saved import Sweep, load_sweep
from search.study.workspace import SweepFolder, Workspace
from search.suggest.budget_tracker import Spending


def status(name: str | None, as_json: bool) -> None:
    """See `search.cli.app.status`."""
    workspace = Workspace.default()
    names = [name] if name else workspace.sweeps()
    sweeps = [load_sweep(each, workspace) for each in names]
    facts = [_facts(sweep, workspace.sweep(sweep.config.sweep)) for sweep in sweeps]
    if as_json:
        print_json(facts[0] if name else facts)
        return
    console = out()
    if not facts:
        console.print(f"no sweep in {workspace.root}; start one with: paredown run CONFIG")
        return
    table = Table()
    for column in (
        "sweep",
        "state",
        "done",
        "budget",
        "stopped",
        "failed",
        "running",
        "front",
        "hypervolume",
        "stages reused",
        "time saved",
        "measuring",
    ):
        table.add_column(column, justify="left" if column in ("sweep", "state") else "right")
    for row in facts:
        stages = row["stages"]
        table.add_row(
            row["sweep"],
            row["state"],
            f"{row['complete']}/{row['trials']}" if row["trials"] else str(row["complete"]),
            row["budget"]["progress"] if row["budget"] else "-",
            str(row["stopped"]),
            str(row["failed"]),
            str(row["running"]),
            str(row["front"]),
            f"{row['hypervolume']:.4f}",
            f"{stages['reused']}/{stages['reused'] + stages['computed']}",
            f"{stages['seconds_saved']:.0f} s",
            f"{row['measuring']['share']:.1%}",
        )
    console.print(table)
    if name and sweeps[0].standing.front.members:
        console.print(front_table(sweeps[0].standing, sweeps[0].config.objectives))
    for row in facts:
        for failure in row["failures"]:
            console.print(f"trial {failure['trial']} ({failure['label']}) failed: {failure['reason']}", markup=False)
        for stop in row["stops"]:
            console.print(f"trial {stop['trial']} ({stop['label']}) was stopped: {stop['reason']}", markup=False)


def _facts(sweep: Sweep, folder: SweepFolder) -> dict[str, Any]:
    standing, total, running = sweep.standing, sweep.config.search.trials, folder.is_running()
    spending = _spending(sweep, folder if running else None)
    results = [trial.result for trial in sweep.trials if trial.result]
    stages = [stage for result in results for stage in (*result.climbed, *result.stages)]
    enough = spending.is_used_up or (total is not None and standing.finished >= total)
    done = "done" if enough else "stopped (run it again to go on)"
    return {
        "sweep": sweep.config.sweep,
        "state": "running" if running else done,
        "trials": total,
        "budget": _budget(sweep, spending),
        "complete": standing.complete,
        "stopped": standing.stopped,
        "failed": standing.failed,
        # Trials that a killed driver left behind are not running, whatever the study says.
        "running": standing.running if running else 0,
        "front": len(standing.front.members),
        "hypervolume": standing.hypervolume,
        "stages": {
            "computed": sum(not stage.reused for stage in stages),
            "reused": sum(stage.reused for stage in stages),
            "seconds_spent": sum(stage.seconds for stage in stages if not stage.reused),
            "seconds_saved": sum(stage.seconds for stage in stages if stage.reused),
        },
        "measuring": _measuring(sweep),
        "failures": [
            {"trial": trial.number, "label": trial.label, "reason": trial.result.reason}
            for trial in sweep.trials
            if trial.result and trial.result.reason
        ],
        "stops": [
            {"trial": trial.number, "label": trial.label, "reason": trial.result.stopped}
            for trial in sweep.trials
            if trial.result and trial.result.stopped
        ],
    }


def _spending(sweep: Sweep, at_work: SweepFolder | None) -> Spending:
    """What was used up to now; trials that run count since the driver `at_work` took them up."""
    spending = Spending(sweep.config, sweep.trials)
    if at_work:
        began = at_work.config.stat().st_mtime  # written at every start
        for trial in sweep.trials:
            if trial.state == "running":
                spending.begin(trial.number, max(trial.started, began))
    return spending


def _budget(sweep: Sweep, spending: Spending) -> dict[str, Any] | None:
    budget = sweep.config.search.budget
    if budget is None:
        return None
    return {
        "text": str(budget),
        "of": budget.of,
        "seconds": budget.seconds,
        "used_s": spending.used_s,
        "left_s": spending.left_s,
        "progress": spending.progress,
    }


def _measuring(sweep: Sweep) -> dict[str, float]:
    """Seconds that trials spent measuring, waiting to measure and waiting for others who measured, and their share.

    The share is of the time of all trials together, so that it is also the share of what the sweep's workers could
    have done in that time.
    """
    results = [trial.result for trial in sweep.trials if trial.result]
    spent = {name: sum(r.seconds.get(name, 0.0) for r in results) for name in ("measuring", "waiting", "yielding")}
    total = sum(result.finished - result.started for result in results)
    return {**spent, "share": sum(spent.values()) / total if total else 0.0}
