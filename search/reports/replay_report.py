"""A replay as a table and as data."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any

from rich.table import Table

from search.config.budget import duration
from search.replay.replay import Curve
from search.replay.surrogate import Error
from spaces import counted

ENOUGH = 0.99
"""A sweep that stands at this share of its last hypervolume has found nearly all that it finds."""


def replay_table(name: str, was: Curve, was_slots: int, curves: Sequence[Curve], slots: int) -> Table:
    """Return the sweep as it was and as it would have been, side by side."""
    table = Table(title=f"sweep {name}, replayed {counted(len(curves), 'time')}: mean (from–to)")
    for column in ("", "trials", "at once", "hypervolume", f"{ENOUGH:.0%} of it after", "time", "compute", "supposed"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("as it was", *_cells([was], was_slots))
    table.add_row("replayed", *_cells(curves, slots))
    return table


def _cells(curves: Sequence[Curve], slots: int) -> list[str]:
    last = [curve.last for curve in curves]
    return [
        _spread([len(curve.points) for curve in curves], "{:.0f}"),
        str(slots),
        _spread([point.hypervolume for point in last], "{:.4f}"),
        _spread([curve.reached(ENOUGH) for curve in curves], "{:.0f}") + " trials",
        duration(mean(point.wall_s for point in last)),
        duration(mean(point.compute_s for point in last)),
        f"{mean(curve.supposed / len(curve.points) for curve in curves):.0%}",
    ]


def _spread(values: Sequence[float], form: str) -> str:
    """The mean, and from where to where if that is not one value."""
    text = form.format(mean(values))
    if len(set(values)) == 1:
        return text
    return f"{text} ({form.format(min(values))}–{form.format(max(values))})"


def error_words(curves: Sequence[Curve], errors: Sequence[Error]) -> str:
    """Return what was supposed, and how far that errs."""
    trials, supposed = sum(len(curve.points) for curve in curves), sum(curve.supposed for curve in curves)
    if not supposed:
        return "every recipe was run in the sweep: all numbers are measured ones"
    return (
        f"{supposed} of {trials} replayed trials are of recipes that the sweep did not run: their numbers come from a "
        f"model, whose median error on trials left out is {', '.join(map(str, errors))}; trials that end early are not "
        "replayed"
    )


def replay_json(was: Curve, curves: Sequence[Curve], slots: int, errors: Sequence[Error]) -> dict[str, Any]:
    """Return the whole courses as data."""
    return {
        "sweep": _course(was),
        "slots": slots,
        "replays": [_course(curve) for curve in curves],
        "model_errors": [str(error) for error in errors],
    }


def _course(curve: Curve) -> dict[str, Any]:
    return {
        "trials": len(curve.points),
        "supposed": curve.supposed,
        "hypervolume": [point.hypervolume for point in curve.points],
        "wall_s": [point.wall_s for point in curve.points],
        "compute_s": [point.compute_s for point in curve.points],
    }
