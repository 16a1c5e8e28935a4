"""A sensitivity analysis as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pipelines.sensitivity_table import Sensitivity
from search.reports.picture import save

UNKNOWN = "#eaeef2"

LAYER_INCHES, RATIO_INCHES = 0.32, 0.75


def plot_sensitivity(title: str, found: Sensitivity, path: Path) -> None:
    """Draw layers by ratios, coloured by the accuracy that is lost, to `path`; its ending gives the format.

    What could not be cut stays grey.

    Raises:
        ValueError: the format is not known.
        InputError: what lies there is another's.
    """
    drops = np.full((len(found.layers), len(found.ratios)), np.nan)
    for row in found.rows:
        if row.drop is not None:
            drops[found.layers.index(row.layer), found.ratios.index(row.ratio)] = row.drop
    size = (3.6 + RATIO_INCHES * len(found.ratios), 1.6 + LAYER_INCHES * len(found.layers))
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.add_subplot()
    axes.set_facecolor(UNKNOWN)
    top = max(abs(found.accuracy), float(np.nanmax(drops, initial=0.0))) or 1.0
    image = axes.imshow(drops, cmap="YlOrRd", vmin=0, vmax=top, aspect="auto")
    for (y, x), drop in np.ndenumerate(drops):
        text = "-" if np.isnan(drop) else f"{drop:.3f}"
        axes.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if drop > 0.6 * top else "black")
    axes.set_xticks(range(len(found.ratios)), [f"{ratio:g}" for ratio in found.ratios])
    axes.set_yticks(range(len(found.layers)), found.layers, fontsize=8)
    axes.set_xlabel("share of the layer that is cut")
    figure.colorbar(image, label=f"accuracy lost, of {found.accuracy:.3f}")
    save(figure, path)
