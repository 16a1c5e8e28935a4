"""Two pictures of all trials of a sweep: parallel coordinates, and the importance of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from search.analysis.importance import Importance
from search.config.objective import Objective
from search.config.sweep_config import SweepConfig
from search.reports.plot import BASELINE, DOMINATED, FRONT
from search.reports.table import number
from search.study.state import SweepState
from search.study.trial import Trial
from spaces import NONE, Axis, Value, counted

MAX_TICKS = 9
ABSENT = "–"
"""Where a trial's line passes through a parameter that does not apply to it."""


def plot_parallel(config: SweepConfig, state: SweepState, trials: Sequence[Trial], path: Path) -> None:
    """Draw each measured trial as a line through its parameters and objectives; better objectives are higher."""
    measured = [trial for trial in trials if trial.state == "complete"]
    switches = {step.switch.name for step in config.space.steps}
    columns = [_choices(axis, axis.name in switches, measured) for axis in config.space.axes if len(axis.values) > 1]
    columns += [_scaled(objective, measured) for objective in config.objectives]
    figure = Figure(figsize=(1.55 * len(columns) + 1.2, 4.2))
    axes = figure.add_axes((0.04, 0.14, 0.93, 0.76))
    count = counted(len(measured), "trial")
    axes.set_title(f"{config.sweep}: {count}, from their parameters to their objectives", fontsize=11)
    _lines(axes, np.array([column.heights for column in columns]).T.reshape(-1, len(columns)), measured, state)
    _ticks(axes, columns)
    figure.savefig(path, dpi=110)


@dataclass(frozen=True)
class _Column:
    """One upright axis: its name, the height of each trial's line in it, and its ticks (height, text)."""

    name: str
    heights: Sequence[float]
    ticks: Sequence[tuple[float, str]]


def _choices(axis: Axis, is_switch: bool, trials: Sequence[Trial]) -> _Column:
    """A parameter: its values evenly spaced, below them a place for trials to which it does not apply."""
    chosen = [trial.params.get(axis.name, NONE if is_switch else None) for trial in trials]
    places: list[Value | None] = list(axis.values) if is_switch else [None, *axis.values]
    places += [value for value in dict.fromkeys(chosen) if value not in places]
    height = {value: index / max(1, len(places) - 1) for index, value in enumerate(places)}
    every = -(-len(places) // MAX_TICKS)
    ticks = [(height[value], ABSENT if value is None else str(value)) for value in places[::every]]
    return _Column(axis.name, [height[value] for value in chosen], ticks)


def _scaled(objective: Objective, trials: Sequence[Trial]) -> _Column:
    """An objective: the best trial at the top, the worst at the bottom."""
    ranked = sorted(trials, key=lambda trial: objective.loss(trial.metrics))
    if not ranked:
        return _Column(objective.name, [], [])
    best, worst = (objective.loss(trial.metrics) for trial in (ranked[0], ranked[-1]))
    heights = [(worst - objective.loss(trial.metrics)) / ((worst - best) or 1.0) for trial in trials]
    ends = [(0.0, ranked[-1]), (1.0, ranked[0])]
    return _Column(objective.name, heights, [(at, number(trial.metrics[objective.name])) for at, trial in ends])


def _lines(axes: Axes, heights: np.ndarray, trials: Sequence[Trial], state: SweepState) -> None:
    """The lines, spread a little where they would lie on each other; the front's on top."""
    spread = heights + np.random.default_rng(0).uniform(-0.012, 0.012, heights.shape)
    groups: dict[str, list[np.ndarray]] = {DOMINATED: [], FRONT: [], BASELINE: []}
    front = {trial.number for trial in state.front.members}
    for trial, line in zip(trials, spread, strict=True):
        color = BASELINE if trial.number == 0 else FRONT if trial.number in front else DOMINATED
        groups[color].append(np.column_stack([np.arange(len(line)), line]))
    for order, (color, lines) in enumerate(groups.items()):
        axes.add_collection(LineCollection(lines, colors=color, linewidths=0.8 + 0.5 * order, zorder=1 + order))


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
        panel.grid(axis="x", color="#eaeef2")
        panel.set_axisbelow(True)
    figure.suptitle("What decides each objective (PED-ANOVA)", fontsize=11)
    figure.savefig(path, dpi=110)
