"""Two pictures of all trials of a sweep: parallel coordinates, and the importance of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from search.config import SweepConfig
from search.importance import Importance
from search.plot import BASELINE, DOMINATED, FRONT
from search.standing import Standing
from search.table import number
from search.trial import Trial
from spaces import NONE, Value

ABSENT = "–"
"""Where a trial's line passes through a parameter that does not apply to it."""


def plot_parallel(config: SweepConfig, standing: Standing, trials: Sequence[Trial], path: Path) -> None:
    """Draw each measured trial as a line through its parameters and objectives; better objectives are higher."""
    measured = [trial for trial in trials if trial.state == "complete"]
    params = [axis for axis in config.space.axes if len(axis.values) > 1]
    switches = {step.switch.name for step in config.space.steps}
    columns = [
        _choices(axis.name, axis.values, axis.name not in switches, [_chosen(t, axis.name, switches) for t in measured])
        for axis in params
    ] + [
        _scaled(o.name, [-o.loss(t.metrics) for t in measured], [t.metrics[o.name] for t in measured])
        for o in config.objectives
    ]
    figure = Figure(figsize=(1.55 * len(columns) + 1.2, 4.6))
    axes = figure.add_axes((0.05, 0.2, 0.9, 0.68))
    axes.set_title(f"{config.sweep}: {len(measured)} trials, from their parameters to their objectives", fontsize=11)
    heights = np.array([column.heights for column in columns]).T.reshape(len(measured), len(columns))
    _lines(axes, heights, measured, standing)
    _ticks(axes, columns)
    figure.savefig(path, dpi=110)


class _Column:
    """One upright axis: its name, the height of each trial's line in it, and its ticks (height, text)."""

    def __init__(self, name: str, heights: Sequence[float], ticks: Sequence[tuple[float, str]]) -> None:
        self.name, self.heights, self.ticks = name, heights, ticks


def _choices(name: str, values: Sequence[Value], conditional: bool, chosen: Sequence[Value | None]) -> _Column:
    """A parameter: its values evenly spaced, below them a place for trials to which it does not apply."""
    places: list[Value | None] = [None, *values] if conditional else list(values)
    places += [value for value in dict.fromkeys(chosen) if value not in places]
    step = 1 / max(1, len(places) - 1)
    every = -(-len(places) // 9)
    ticks = [(i * step, ABSENT if value is None else str(value)) for i, value in enumerate(places) if i % every == 0]
    return _Column(name, [places.index(value) * step for value in chosen], ticks)


def _scaled(name: str, gains: Sequence[float], values: Sequence[float]) -> _Column:
    """An objective: the best trial at the top, the worst at the bottom."""
    if not gains:
        return _Column(name, [], [])
    low, high = min(gains), max(gains)
    span = (high - low) or 1.0
    worst, best = values[int(np.argmin(gains))], values[int(np.argmax(gains))]
    return _Column(name, [(gain - low) / span for gain in gains], [(0.0, number(worst)), (1.0, number(best))])


def _chosen(trial: Trial, name: str, switches: set[str]) -> Value | None:
    return trial.params.get(name, NONE if name in switches else None)


def _lines(axes: Axes, heights: np.ndarray, trials: Sequence[Trial], standing: Standing) -> None:
    """The lines, spread a little where they would lie on each other; the front's on top."""
    random = np.random.default_rng(0)
    spread = heights + random.uniform(-0.012, 0.012, heights.shape)
    front = {trial.number for trial in standing.front.members}
    for number_of, color, width, alpha, order in (
        ("dominated", DOMINATED, 0.8, 0.7, 1),
        ("front", FRONT, 1.5, 0.9, 2),
        ("baseline", BASELINE, 1.8, 1.0, 3),
    ):
        chosen = [
            index
            for index, trial in enumerate(trials)
            if ("baseline" if trial.number == 0 else "front" if trial.number in front else "dominated") == number_of
        ]
        lines = [np.column_stack([np.arange(heights.shape[1]), spread[index]]) for index in chosen]
        axes.add_collection(LineCollection(lines, colors=color, linewidths=width, alpha=alpha, zorder=order))


def _ticks(axes: Axes, columns: Sequence[_Column]) -> None:
    for x, column in enumerate(columns):
        axes.axvline(x, color="#57606a", linewidth=0.8, zorder=0)
        for height, text in column.ticks:
            axes.text(x + 0.04, height, text, fontsize=8, va="center", zorder=4, bbox=_PLATE)
    axes.set_xticks(range(len(columns)), [column.name.replace(".", ".\n") for column in columns], fontsize=8)
    axes.set_yticks([])
    axes.set_xlim(-0.15, len(columns) - 0.4)
    axes.set_ylim(-0.06, 1.06)
    for side in axes.spines.values():
        side.set_visible(False)


_PLATE = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}


def plot_importances(found: Sequence[Importance], path: Path) -> None:
    """Draw the importances, one panel for each objective, the parameters in the same order in all."""
    objectives = list(dict.fromkeys(each.objective for each in found))
    total: dict[str, float] = {}
    for each in found:
        total[each.parameter] = total.get(each.parameter, 0.0) + each.share
    names = sorted(total, key=lambda name: total[name])
    figure = Figure(figsize=(3.1 * len(objectives) + 1.6, 0.34 * len(names) + 1.5), layout="constrained")
    panels = figure.subplots(1, len(objectives), sharey=True, squeeze=False)[0]
    for panel, objective in zip(panels, objectives, strict=True):
        shares = {each.parameter: each.share for each in found if each.objective == objective}
        bars = panel.barh(names, [shares.get(name, 0.0) for name in names], color=FRONT, height=0.62)
        panel.bar_label(bars, [f"{shares.get(name, 0.0):.0%}" for name in names], padding=3, fontsize=8)
        panel.set_title(objective, fontsize=10)
        panel.set_xlim(0, 1.15)
        panel.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"], fontsize=8)
        panel.tick_params(axis="y", labelsize=8)
        panel.grid(axis="x", color="#eaeef2", zorder=0)
    figure.suptitle("What decides each objective (PED-ANOVA)", fontsize=11)
    figure.savefig(path, dpi=110)
