"""Trials as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from search.objective import Objective
from search.standing import Standing
from search.trial import Trial


def number(value: float | None) -> str:
    """`value` with four significant digits, or that there is none."""
    if value is None:
        return "not available"
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def front_table(standing: Standing, objectives: Sequence[Objective]) -> Table:
    """The front, best in the first objective first, with the baseline above it and ratios to the baseline."""
    table = Table(title=f"Pareto front: {len(standing.front.members)} configurations")
    table.add_column("trial", justify="right")
    table.add_column("recipe", overflow="fold")
    for objective in objectives:
        table.add_column(objective.name, justify="right")
    baseline = standing.baseline
    if baseline:
        values = [number(baseline.metrics.get(objective.name)) for objective in objectives]
        table.add_row("baseline", baseline.label, *values, style="dim", end_section=True)
    for trial in standing.front.members:
        cells = [_cell(trial, baseline, objective) for objective in objectives]
        table.add_row(str(trial.number), trial.label, *cells)
    return table


def _cell(trial: Trial, baseline: Trial | None, objective: Objective) -> str:
    """The value; for a minimised objective with its ratio to the baseline's."""
    value, base = trial.metrics.get(objective.name), baseline.metrics.get(objective.name) if baseline else None
    if value is None or not base or objective.direction == "maximize":
        return number(value)
    return f"{number(value)} [dim]({value / base:.2f}×)[/dim]"
