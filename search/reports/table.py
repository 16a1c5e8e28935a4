"""Trials as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from pipelines.diagnosis import remark
from pipelines.meters import Score
from search.analysis.post_hoc import PostHoc
from search.config.objective import Objective
from search.study.state import SweepState
from search.study.trial import Trial

MARK = "†"
"""Stands beside members of a front of which there is something to say."""


def number(value: float | None) -> str:
    """`value` with four significant digits, or that there is none."""
    if value is None:
        return "not available"
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def score_cells(score: Score) -> tuple[str, str, str]:
    """An accuracy, its interval and of how many examples it is the mean."""
    interval = "–".join(map(number, score.interval)) if score.interval else "not known"
    return number(score.accuracy), interval, str(score.examples)


def front_table(state: SweepState, objectives: Sequence[Objective], post_hoc: PostHoc | None = None) -> Table:
    """The front, best in the first objective first, with the baseline above it and ratios to the baseline.

    With post_hoc, how likely each member is on the front, and what is near the front, below it. Members whose last step
    did not help are marked; what is to be said of them stands below the table.
    """
    members, near = state.front.members, post_hoc.near if post_hoc else ()
    table = Table(title=f"Pareto front: {len(members)} configurations", caption_justify="left")
    table.add_column("trial", justify="right")
    table.add_column("recipe", overflow="fold")
    for objective in objectives:
        table.add_column(objective.name, justify="right")
    if post_hoc:
        table.add_column("p(front)", justify="right")
    baseline = state.baseline
    if baseline:
        values = [number(baseline.metrics.get(objective.name)) for objective in objectives]
        table.add_row("baseline", baseline.label, *values, *_chance(baseline, post_hoc), style="dim", end_section=True)
    footnotes = []
    for trial in (*members, *near):
        cells = [_cell(trial, baseline, objective) for objective in objectives] + _chance(trial, post_hoc)
        name, style = (str(trial.number), None) if trial.number in state.front else (f"near {trial.number}", "dim")
        label = escape(trial.label)
        if said := remark(trial.result.notes) if trial.result else "":
            footnotes.append(f"{MARK} {trial.number}: {escape(said)}")
            label += f" {MARK}"
        table.add_row(name, label, *cells, style=style, end_section=bool(near) and trial is members[-1])
    table.caption = "\n".join(footnotes) or None
    return table


def _chance(trial: Trial, post_hoc: PostHoc | None) -> list[str]:
    """The cell that says how likely a trial is on the front, if that is asked for."""
    return [f"{post_hoc.p_front[trial.number]:.2f}"] if post_hoc else []


def _cell(trial: Trial, baseline: Trial | None, objective: Objective) -> str:
    """The value; for a minimised objective with its ratio to the baseline's."""
    value, base = trial.metrics.get(objective.name), baseline.metrics.get(objective.name) if baseline else None
    if value is None or not base or objective.direction == "maximize":
        return number(value)
    return f"{number(value)} [dim]({value / base:.2f}×)[/dim]"
