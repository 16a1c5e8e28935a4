"""Exhibits of a whole sweep: the files on its run in MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from search.analysis.importance import importances
from search.config.sweep_config import SweepConfig
from search.reports.overview import plot_importances, plot_parallel
from search.reports.plot import plot_front
from search.reports.report import front_csv, front_page
from search.study.state import SweepState
from search.study.trial import Trial
from spaces import counted

PAGE, TABLE, CONFIG = "pareto.html", "front.csv", "config.yaml"
PARALLEL, IMPORTANCE, IMPORTANCE_PICTURE = "parallel.png", "importance.csv", "importance.png"


def write_front(folder: Path, config: SweepConfig, state: SweepState, trials: Sequence[Trial]) -> None:
    """Write the front's table and its interactive page into `folder`."""
    front_csv(state.front, folder / TABLE)
    (folder / PAGE).write_text(front_page(config, state, trials), encoding="utf-8")


def write_overview(folder: Path, config: SweepConfig, state: SweepState, trials: Sequence[Trial]) -> None:
    """Write the parallel coordinates and, once there are trials enough, the importances into `folder`."""
    plot_parallel(config, state, trials, folder / PARALLEL)
    found = importances(trials, config.objectives, config.space)
    if found:
        pd.DataFrame([asdict(each) for each in found]).to_csv(folder / IMPORTANCE, index=False)
        plot_importances(found, folder / IMPORTANCE_PICTURE)


def write_picture(folder: Path, config: SweepConfig, state: SweepState, trials: Sequence[Trial]) -> Path:
    """Draw the front as it stands in its first two objectives: one panel is what the UI has room for.

    Returns:
        The picture in `folder`.
    """
    path = folder / "front.png"
    title = f"{config.sweep}, {counted(state.finished, 'trial')}: {len(state.front.members)} on the front"
    panel = replace(state, front=replace(state.front, objectives=state.front.objectives[:2]))
    plot_front(title, panel, trials, path)
    return path
