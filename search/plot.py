"""The front as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.objective import Objective
from search.standing import Standing
from search.trial import Trial

FRONT, DOMINATED, BASELINE = "#0969da", "#afb8c1", "#cf222e"


def plot_front(title: str, standing: Standing, trials: Sequence[Trial], path: Path) -> None:
    """Draw every pair of objectives side by side and write the picture to `path`; its ending gives the format.

    Raises:
        ValueError: the format is not known.
    """
    if not path.suffix:
        raise ValueError(f"{path} has no ending that says the format, such as .png")
    objectives = standing.front.objectives
    pairs = [(x, y) for y, x in combinations(objectives, 2)] or [(objectives[0], objectives[0])]
    figure = Figure(figsize=(4.6 * len(pairs), 4.1), layout="constrained")
    figure.suptitle(title)
    for index, (x, y) in enumerate(pairs):
        _panel(figure.add_subplot(1, len(pairs), index + 1), x, y, standing, trials)
    figure.axes[0].legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=130)


def _panel(axes: Axes, x: Objective, y: Objective, standing: Standing, trials: Sequence[Trial]) -> None:
    members = standing.front.members
    others = [t for t in trials if t.state == "complete" and t.number not in standing.front and t.number != 0]
    groups = [("dominated", others, DOMINATED, "o", 18), ("Pareto front", list(members), FRONT, "o", 34)]
    if standing.baseline:
        groups.append(("uncompressed teacher", [standing.baseline], BASELINE, "s", 44))
    for label, group, color, marker, size in groups:
        xs, ys = ([trial.metrics[o.name] for trial in group] for o in (x, y))
        axes.scatter(xs, ys, c=color, marker=marker, s=size, label=label, zorder=2 if color == DOMINATED else 3)
    shown = [*members, *([standing.baseline] if standing.baseline else [])]
    if shown:  # a few hopeless trials must not squeeze the front into a corner
        for objective, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
            values = [trial.metrics[objective.name] for trial in shown]
            pad = (max(values) - min(values) or abs(max(values)) or 1) * 0.12
            limit(min(values) - pad, max(values) + pad)
    axes.set_xlabel(f"{x.name} ({'more' if x.direction == 'maximize' else 'less'} is better)")
    axes.set_ylabel(f"{y.name} ({'more' if y.direction == 'maximize' else 'less'} is better)")
    axes.grid(color="#eaeef2", zorder=0)
