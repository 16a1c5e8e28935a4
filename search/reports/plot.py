"""The front as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from search.config.objective import Objective
from search.reports.picture import save
from search.study.state import SweepState
from search.study.trial import Trial

FRONT, DOMINATED, BASELINE = "#0969da", "#afb8c1", "#cf222e"

DECADES = 1.3
"""From so many powers of ten between the least and the greatest value on, an axis is logarithmic."""


def plot_front(title: str, state: SweepState, trials: Sequence[Trial], path: Path) -> None:
    """Draw every pair of objectives side by side and write the picture to `path`; its ending gives the format.

    Raises:
        ValueError: the format is not known.
        InputError: what lies there is another's.
    """
    pairs = panels(state.front.objectives)
    figure = Figure(figsize=(4.6 * len(pairs), 4.1), layout="constrained")
    figure.suptitle(title)
    for index, (x, y) in enumerate(pairs):
        _panel(figure.add_subplot(1, len(pairs), index + 1), x, y, state, trials)
    figure.axes[0].legend(loc="lower right", fontsize=8)
    save(figure, path)


def panels(objectives: Sequence[Objective]) -> list[tuple[Objective, Objective]]:
    """The objectives drawn to the right and upwards in each panel: every pair of objectives."""
    return [(x, y) for y, x in combinations(objectives, 2)] or [(objectives[0], objectives[0])]


def _panel(axes: Axes, x: Objective, y: Objective, state: SweepState, trials: Sequence[Trial]) -> None:
    members = state.front.members
    others = [t for t in trials if t.state == "complete" and t.number not in state.front and t.number != 0]
    groups = [("dominated", others, DOMINATED, "o", 18), ("Pareto front", list(members), FRONT, "o", 34)]
    if state.baseline:
        groups.append(("uncompressed teacher", [state.baseline], BASELINE, "s", 44))
    for label, group, color, marker, size in groups:
        points(axes, x, y, group, label, color, marker, size)
        if color != DOMINATED:
            whiskers(axes, x, y, group, color)
    shown = [*members, *([state.baseline] if state.baseline else [])]
    frame(axes, x, y, shown)


def points(
    axes: Axes, x: Objective, y: Objective, trials: Sequence[Trial], label: str, color: str, marker: str, size: int
) -> None:
    """Draw `trials`."""
    xs, ys = ([trial.metrics[o.name] for trial in trials] for o in (x, y))
    axes.scatter(xs, ys, c=color, marker=marker, s=size, label=label, zorder=2 if color == DOMINATED else 3)


def whiskers(axes: Axes, x: Objective, y: Objective, trials: Sequence[Trial], color: str) -> None:
    """Draw the 95 % intervals of `trials` as whiskers, where they are known."""
    for trial in trials:
        xerr, yerr = (_lengths(trial, objective) for objective in (x, y))
        if xerr or yerr:
            at = [trial.metrics[x.name]], [trial.metrics[y.name]]
            axes.errorbar(*at, yerr, xerr, fmt="none", ecolor=color, elinewidth=1, capsize=2, alpha=0.6, zorder=2.5)


def _lengths(trial: Trial, objective: Objective) -> list[list[float]] | None:
    """The lengths by which a trial's interval reaches down and up from its value, or None if it is not known."""
    ends = trial.intervals.get(objective.name)
    value = trial.metrics[objective.name]
    return [[max(value - ends[0], 0.0)], [max(ends[1] - value, 0.0)]] if ends else None


def frame(axes: Axes, x: Objective, y: Objective, shown: Sequence[Trial]) -> None:
    """Name the axes, and fit them to `shown`: a few hopeless trials must not squeeze the front into a corner.

    Whiskers fit in too, as far as they reach no further beyond the points than these lie apart. What spreads over more
    than `DECADES` is drawn on a logarithmic axis.
    """
    axes.locator_params(nbins=6)
    for objective, axis, scale, limit in (
        (x, axes.xaxis, axes.set_xscale, axes.set_xlim),
        (y, axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        values = [trial.metrics[objective.name] for trial in shown]
        ends = [end for trial in shown for end in trial.intervals.get(objective.name, ())]
        if spreads(values) and all(end > 0 for end in ends):
            scale("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_locator(NullLocator())
            limit(*np.exp(_limits(np.log(values), np.log(ends))))
        elif shown:
            limit(*_limits(np.array(values), np.array(ends)))
    axes.set_xlabel(f"{x.name} ({'more' if x.direction == 'maximize' else 'less'} is better)")
    axes.set_ylabel(f"{y.name} ({'more' if y.direction == 'maximize' else 'less'} is better)")
    axes.grid(color="#eaeef2", zorder=0)


def spreads(values: Sequence[float]) -> bool:
    """Return True if `values` are better seen on a logarithmic axis: all positive, and far from each other."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= 10**DECADES


def _limits(values: np.ndarray, ends: np.ndarray) -> tuple[float, float]:
    """The ends of an axis on which `values`, with whiskers that reach to `ends`, are seen."""
    low, high = values.min(), values.max()
    span = high - low or abs(high) or 1
    low, high = max(min([low, *ends]), low - span), min(max([high, *ends]), high + span)
    return low - span * 0.12, high + span * 0.12
