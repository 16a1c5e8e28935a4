"""Fronts side by side as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from search.analysis.front_comparison import FrontComparison
from search.reports.picture import save
from search.reports.plot import frame, panels, points, whiskers

COLORS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#6e7781")


def plot_front_comparison(comparison: FrontComparison, path: Path) -> None:
    """Draw all fronts into one panel for every pair of objectives and write the picture to `path`.

    Baselines are squares; 95 % intervals are whiskers.

    Raises:
        ValueError: the format is not known.
        InputError: what lies there is another's.
    """
    pairs = panels(comparison.objectives)
    figure = Figure(figsize=(4.6 * len(pairs), 4.1), layout="constrained")
    figure.suptitle(" and ".join(each.name for each in comparison.named_fronts))
    for index, (x, y) in enumerate(pairs):
        axes = figure.add_subplot(1, len(pairs), index + 1)
        shown = []
        for number, (each, volume) in enumerate(zip(comparison.named_fronts, comparison.hypervolumes, strict=True)):
            color, members = COLORS[number % len(COLORS)], each.state.front.members
            points(axes, x, y, members, f"{each.name}: hypervolume {volume:.3f}", color, "o", 34)
            baseline = [each.state.baseline] if each.state.baseline else []
            points(axes, x, y, baseline, "_nolegend_", color, "s", 44)
            whiskers(axes, x, y, [*members, *baseline], color)
            shown += [*members, *baseline]
        frame(axes, x, y, shown)
    figure.axes[0].legend(loc="lower right", fontsize=8)
    save(figure, path)
