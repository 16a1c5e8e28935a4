"""Fronts side by side as tables in the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from search.analysis.front_comparison import FrontComparison
from search.reports.table import number
from search.study.front import REFERENCE_MARGIN


def members_table(comparison: FrontComparison) -> Table:
    """The members of all fronts, best in the first objective first; those that another front beats are dim."""
    first = comparison.objectives[0]
    table = Table(title="Pareto fronts side by side")
    for column in ("front", "trial", "recipe"):
        table.add_column(column, justify="right" if column == "trial" else "left", overflow="fold")
    for objective in comparison.objectives:
        table.add_column(objective.name, justify="right")
    table.add_column("on the joint front")
    rows = [
        (each.name, trial, trial.number in joint)
        for each, joint in zip(comparison.named_fronts, comparison.joint, strict=True)
        for trial in each.state.front.members
    ]
    for name, trial, is_joint in sorted(rows, key=lambda row: first.loss(row[1].metrics)):
        cells = [number(trial.metrics.get(objective.name)) for objective in comparison.objectives]
        mark, style = ("yes", None) if is_joint else ("", "dim")
        table.add_row(name, str(trial.number), escape(trial.label), *cells, mark, style=style)
    return table


def summary_table(comparison: FrontComparison) -> Table:
    """One row per front: what it is worth with the common reference point, and its share of the joint front."""
    table = Table()
    for column in ("front", "measured for", "members", "hypervolume", "of the joint front"):
        table.add_column(column, justify="left" if column in ("front", "measured for") else "right")
    for each, volume, joint, share in zip(
        comparison.named_fronts, comparison.hypervolumes, comparison.joint, comparison.shares, strict=True
    ):
        members = str(len(each.state.front.members))
        table.add_row(each.name, each.targets.slug, members, f"{volume:.4f}", f"{len(joint)} ({share:.0%})")
    return table


def reference_words(comparison: FrontComparison) -> str:
    """The point that the hypervolumes of `comparison` refer to, in words."""
    ends = [
        f"{o.name} {number(comparison.scale[o.name] * REFERENCE_MARGIN) if o.direction == 'minimize' else 0}"
        for o in comparison.objectives
    ]
    return f"reference point: {', '.join(ends)}, from the larger of the baselines' values"
