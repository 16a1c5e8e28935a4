"""A sensitivity analysis as a run in MLflow."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipelines.sensitivity_table import Sensitivity
from search.config.sweep_config import SweepConfig
from search.reports.sensitivity_report import frame, write_files
from search.study.workspace import Workspace
from search.tracking.client import connect, experiment_id

KIND, KEY = "paredown.kind", "sensitivity.key"

TABLE = "sensitivity_table.json"
"""A table as MLflow shows it; the same as ``sensitivity.csv``."""


def log_sensitivity(
    config: SweepConfig, workspace: Workspace, title: str, found: Sensitivity, key: str, params: Mapping[str, str]
) -> str:
    """Put `found` into the sweep's experiment: table, CSV file and picture, on a run that is tagged as an analysis.

    Args:
        config: The sweep.
        workspace: Where the embedded store is.
        title: What was analysed, for people.
        found: The table.
        key: Its key in the store: an analysis that MLflow has already is not logged again.
        params: What it was analysed with.

    Returns:
        The run's id.
    """
    client = connect(config, workspace)
    experiment = experiment_id(client, config, workspace)
    known = client.search_runs([experiment], f"tags.`{KEY}` = '{key}' and attributes.status = 'FINISHED'")
    if known:
        return str(known[0].info.run_id)
    tags = {KIND: "sensitivity", KEY: key, "paredown.sweep": config.sweep, "mlflow.note.content": title}
    run_id = str(client.create_run(experiment, tags=tags, run_name=title).info.run_id)
    for name, value in params.items():
        client.log_param(run_id, name, value)
    client.log_metric(run_id, "accuracy_calibration", found.accuracy)
    client.log_table(run_id, frame(found), TABLE)
    with tempfile.TemporaryDirectory() as folder:
        write_files(title, found, Path(folder))
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id, "FINISHED")
    return run_id
