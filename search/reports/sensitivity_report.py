"""A sensitivity analysis as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipelines.sensitivity_table import Sensitivity
from search.reports.report import write_csv
from search.reports.sensitivity_plot import plot_sensitivity


def frame(found: Sensitivity) -> pd.DataFrame:
    """One row for each layer and ratio; see `pipelines.sensitivity_table.Row`."""
    return pd.DataFrame(found.records())


def write_files(title: str, found: Sensitivity, folder: Path) -> None:
    """Write ``sensitivity.csv``, ``sensitivity.png`` and ``sensitivity.json`` into `folder`."""
    write_csv(frame(found), folder / "sensitivity.csv")
    plot_sensitivity(title, found, folder / "sensitivity.png")
    found.write(folder)
