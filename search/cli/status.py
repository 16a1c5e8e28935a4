"""``paredown status``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pipelines.ledger import FOR_DEVICE, MEASURING, YIELDING
from search.cli.options import Json
from search.cli.output import out, print_json
from search.study.workspace import SweepFolder, Workspace

if TYPE_CHECKING:
    from search.study.saved import Sweep
    from search.study.trial import Trial
    from search.suggest.budget_tracker import BudgetTracker

EXAMPLE = "paredown status digits"

FULL_WIDTH = 140
"""In characters: below it, the table of several sweeps has the columns in `SHORT` only."""

SHORT = ("sweep", "state", "done", "failed", "running", "front", "hypervolume")


def status(
    name: Annotated[str | None, typer.Argument(metavar="SWEEP", help="One sweep; all of them, when absent.")] = None,
    as_json: Json = False,
) -> None:
    """Show what is running, done and failed (and why), and the time that shared stages saved."""
    from search.reports.nodes import node_lines
    from search.reports.table import front_table, next_steps
    from search.selection.recommended import recommended_picks
    from search.study.saved import load_sweep

    workspace = Workspace.default()
    names = [name] if name else workspace.sweeps()
    sweeps = [load_sweep(each, workspace) for each in names]
    summaries = [_summary(sweep, workspace.sweep(sweep.config.sweep), alone=bool(name)) for sweep in sweeps]
    if as_json:
        print_json(summaries[0] if name else summaries)
        return
    console = out()
    if not summaries:
        console.print(f"no sweep in {workspace.root}; start one with: paredown run CONFIG")
        return
    console.print(_table([_cells(row) for row in summaries], console.width))
    if name and (where := summaries[0]["where"]):
        console.print(f"where files are measured: {where}", markup=False, soft_wrap=True)
    for row in summaries:
        for line in node_lines(row["nodes"]):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if name and (curve := sparkline(summaries[0]["hypervolumes"])):
        console.print(f"hypervolume over trials: {curve}", markup=False)
        console.print(summaries[0]["forecast"]["words"] or "too few trials for a forecast", markup=False)
    if name and sweeps[0].state.front.members:
        sweep = sweeps[0]
        picks = recommended_picks(sweep.config, sweep.state)
        console.print(front_table(sweep.state, sweep.config.objectives, picks=picks))
        console.print(next_steps(name, picks), markup=False, soft_wrap=True)
    for row in summaries:
        if name and (spent := _spent(row["seconds"])):
            console.print(spent, highlight=False, soft_wrap=True)
        for failure in row["failures"]:
            console.print(f"trial {failure['trial']} ({failure['label']}) failed: {failure['reason']}", markup=False)
        for stop in row["stops"]:
            console.print(f"trial {stop['trial']} ({stop['label']}) was stopped: {stop['reason']}", markup=False)


def _table(rows: list[dict[str, str]], width: int) -> Table:
    """All that is known of each sweep, or as much as a terminal of `width` characters has room for."""
    if width < FULL_WIDTH and len(rows) == 1:
        table = Table(show_header=False)
        for column, cell in rows[0].items():
            table.add_row(column, cell)
        return table
    shown = [column for column in rows[0] if width >= FULL_WIDTH or column in SHORT]
    table = Table()
    for column in shown:
        words = column in ("sweep", "state")
        table.add_column(column, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for row in rows:
        table.add_row(*[row[column] for column in shown])
    return table


def _cells(row: dict[str, Any]) -> dict[str, str]:
    """A summary as what stands in the table, by column."""
    stages = row["stages"]
    return {
        "sweep": row["sweep"],
        "state": row["state"],
        "done": f"{row['complete']}/{row['trials']}" if row["trials"] else str(row["complete"]),
        "budget": row["budget"]["progress"] if row["budget"] else "-",
        "stopped": str(row["stopped"]),
        "failed": str(row["failed"]),
        "running": str(row["running"]),
        "front": str(row["front"]),
        "hypervolume": f"{row['hypervolume']:.4f}",
        "stages reused": f"{stages['reused']}/{stages['reused'] + stages['computed']}",
        "time saved": f"{stages['seconds_saved']:.0f} s",
        "measuring": _share(_of_workers(row["seconds"]), MEASURING, FOR_DEVICE, YIELDING),
    }


BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Return `values` as a row of bars, `width` at most, from the least to the greatest; empty if there is no curve."""
    if len(values) < 2 or max(values) == min(values):
        return ""
    columns = min(width, len(values))
    shown = [values[round(column * (len(values) - 1) / (columns - 1))] for column in range(columns)]
    low, high = min(values), max(values)
    return "".join(BARS[int((value - low) / (high - low) * (len(BARS) - 1))] for value in shown)


def _summary(sweep: Sweep, folder: SweepFolder, *, alone: bool) -> dict[str, Any]:
    from search.reports.nodes import read_nodes
    from search.study.outcome import Failed, Stopped
    from search.suggest.patience import Patience

    state, total, running = sweep.state, sweep.config.search.trials, folder.is_running()
    budget_tracker = _budget_tracker(sweep, folder if running else None)
    results = [trial.result for trial in sweep.trials if trial.result]
    stages = [stage for result in results for stage in result.all_stages]
    # Where a long sweep stood after each of its trials takes a while to work out: of many, only where it decides.
    patience = Patience.of(sweep.config, sweep.trials if alone or sweep.config.search.patience else ())
    forecast = {"trials": patience.ahead, "gain": patience.forecast, "words": patience.words}
    planned = total is not None and state.finished >= total
    enough = planned or budget_tracker.is_used_up or patience.is_exhausted
    done = "done" if enough else "stopped (run it again to resume)"
    return {
        "sweep": sweep.config.sweep,
        "state": "running" if running else done,
        "trials": total,
        "budget": _budget(sweep, budget_tracker),
        "complete": state.complete,
        "stopped": state.stopped,
        "failed": state.failed,
        # Trials that a killed driver left behind are not running, whatever the study says.
        "running": state.running if running else 0,
        "front": len(state.front.members),
        "hypervolume": state.hypervolume,
        **({"hypervolumes": patience.hypervolumes, "forecast": forecast} if alone else {}),
        "stages": {
            "computed": sum(not stage.reused for stage in stages),
            "reused": sum(stage.reused for stage in stages),
            "seconds_spent": sum(stage.seconds for stage in stages if not stage.reused),
            "seconds_saved": sum(stage.seconds for stage in stages if stage.reused),
        },
        "seconds": _seconds(sweep),
        "where": _where(sweep),
        "nodes": read_nodes(folder.nodes) if running else {"at": None, "nodes": []},
        "failures": [
            {"trial": trial.number, "label": trial.label, "reason": trial.outcome.reason}
            for trial in sweep.trials
            if isinstance(trial.outcome, Failed)
        ],
        "stops": [
            {"trial": trial.number, "label": trial.label, "reason": trial.outcome.reason}
            for trial in sweep.trials
            if isinstance(trial.outcome, Stopped)
        ],
    }


def _budget_tracker(sweep: Sweep, at_work: SweepFolder | None) -> BudgetTracker:
    """The budget used up to now; trials that run count since the driver `at_work` took them up."""
    from search.suggest.budget_tracker import BudgetTracker

    budget_tracker = BudgetTracker(sweep.config, sweep.trials)
    if at_work:
        began = at_work.config.stat().st_mtime  # written at every start
        for trial in sweep.trials:
            if trial.state == "running":
                budget_tracker.begin(trial.number, max(trial.started, began))
    return budget_tracker


def _budget(sweep: Sweep, budget_tracker: BudgetTracker) -> dict[str, Any] | None:
    budget = sweep.config.search.budget
    if budget is None:
        return None
    return {
        "text": str(budget),
        "of": budget.of,
        "seconds": budget.seconds,
        "used_s": budget_tracker.used_s,
        "left_s": budget_tracker.left_s,
        "progress": budget_tracker.progress,
    }


def _seconds(sweep: Sweep) -> dict[str, float]:
    """The time of all finished trials together by what it was spent on, the most first."""
    found: Counter[str] = Counter()
    for trial in sweep.trials:
        found.update(trial.result.spent if trial.result else {})
    return dict(found.most_common())


def _of_workers(seconds: Mapping[str, float]) -> dict[str, float]:
    """`seconds` without those in which a trial had no worker any more, as its file was measured elsewhere."""
    from search.study.trial import ELSEWHERE

    return {account: spent for account, spent in seconds.items() if account != ELSEWHERE}


def _share(seconds: Mapping[str, float], *accounts: str) -> str:
    """The share that `accounts` have of all `seconds`."""
    total = sum(seconds.values())
    return f"{sum(seconds.get(account, 0.0) for account in accounts) / total if total else 0.0:.1%}"


def _spent(seconds: Mapping[str, float]) -> str:
    """What the trials' time was spent on, in one sentence; empty if none has ended."""
    shares = (f"{account.replace('_', ' ')} {_share(seconds, account)}" for account in seconds)
    return f"{sum(seconds.values()):.0f} s of trials: {', '.join(shares)}" if seconds else ""


def _where(sweep: Sweep) -> str:
    """Where the last trial's file was measured, on each target, if its notes say it."""
    from pipelines.bench.conditions import WHERE
    from pipelines.runtimes import bare, target_of

    last = max((trial for trial in sweep.trials if trial.state == "complete"), key=_finished, default=None)
    told = {target_of(name): words for name, words in last.notes.items() if bare(name) == WHERE} if last else {}
    return "; ".join(f"{target}: {words}" if target else words for target, words in told.items())


def _finished(trial: Trial) -> float:
    return trial.result.finished if trial.result else 0.0
