"""Trials as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from pipelines.diagnosis import remark
from search.objective import Objective
from search.standing import Standing
from search.trial import Trial

MARK = "†"
"""Stands beside members of a front of which there is something to say."""


def number(value: float | None) -> str:
    """`value` with four significant digits, or that there is none."""
    if value is None:
        return "not available"
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def front_table(standing: Standing, objectives: Sequence[Objective]) -> Table:
    """The front, best in the first objective first, with the baseline above it and ratios to the baseline.

    Members whose last step did not help are marked; what is to be said of them stands below the table.
    """
    table = Table(title=f"Pareto front: {len(standing.front.members)} configurations", caption_justify="left")
    table.add_column("trial", justify="right")
    table.add_column("recipe", overflow="fold")
    for objective in objectives:
        table.add_column(objective.name, justify="right")
    baseline = standing.baseline
    if baseline:
        values = [number(baseline.metrics.get(objective.name)) for objective in objectives]
        table.add_row("baseline", baseline.label, *values, style="dim", end_section=True)
    footnotes = []
    for trial in standing.front.members:
        cells = [_cell(trial, baseline, objective) for objective in objectives]
        label = escape(trial.label)
        if said := remark(trial.result.facts) if trial.result else "":
            footnotes.append(f"{MARK} {trial.number}: {escape(said)}")
            label += f" {MARK}"
        table.add_row(str(trial.number), label, *cells)
    table.caption = "\n".join(footnotes) or None
    return table


def _cell(trial: Trial, baseline: Trial | None, objective: Objective) -> str:
    """The value; for a minimised objective with its ratio to the baseline's."""
    value, base = trial.metrics.get(objective.name), baseline.metrics.get(objective.name) if baseline else None
    if value is None or not base or objective.direction == "maximize":
        return number(value)
    return f"{number(value)} [dim]({value / base:.2f}×)[/dim]"
