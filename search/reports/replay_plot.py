"""A replay as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.replay.replay import Curve, Point
from search.reports.picture import save
from search.reports.plot import BASELINE, FRONT


def plot_replay(name: str, was: Curve, curves: Sequence[Curve], slots: int, path: Path) -> None:
    """Draw the hypervolume over trials and over time, as it was and as it would have been, to `path`.

    Raises:
        InputError: what lies there is another's.
    """
    figure = Figure(figsize=(9.2, 4.1), layout="constrained")
    figure.suptitle(f"{name}: as it was, and replayed with {slots} at once")
    left, right = figure.subplots(1, 2, sharey=True)
    _panel(left, was, curves, None, "finished trials")
    _panel(right, was, curves, lambda point: point.wall_s / 60, "minutes")
    left.set_ylabel("hypervolume")
    left.legend(loc="lower right", fontsize=8)
    save(figure, path)


def _panel(
    axes: Axes, was: Curve, curves: Sequence[Curve], across: Callable[[Point], float] | None, label: str
) -> None:
    for index, curve in enumerate([*curves, was]):
        xs = [across(point) for point in curve.points] if across else range(1, len(curve.points) + 1)
        ys = [point.hypervolume for point in curve.points]
        own = curve is was
        axes.step(
            xs,
            ys,
            where="post",
            color=BASELINE if own else FRONT,
            alpha=1.0 if own else 0.6,
            linewidth=2.0 if own else 1.2,
            label="as it was" if own else "replayed" if not index else None,
        )
    axes.set_xlabel(label)
    axes.grid(color="#eaeef2")
