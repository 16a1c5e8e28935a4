"""MLflow as Paredown uses it: how it is reached, and the tags by which a sweep's runs are found."""

from __future__ import annotations

import logging
import os
import re

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# MLflow itself would try each request for minutes, and the sweep's end waits for it; the tracker tries again by itself.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from pipelines.runtimes.targets import AT
from search.config.sweep_config import SweepConfig
from search.study.workspace import Workspace
from search.tracking.database import create_database

PARENT, NUMBER, STUDY, PARETO = "mlflow.parentRunId", "paredown.trial", "paredown.study", "pareto"
SWEEP = "paredown.sweep"
"""Tagged on the sweep's own run only."""
NOTE, COLOR = "mlflow.note.content", "mlflow.runColor"

MAX_TAG = 8000
"""The longest value of a run's tag that MLflow takes, in characters."""


def tracked(name: str) -> str:
    """The name in MLflow, which takes no ``@``: ``latency_ms/edge`` of ``latency_ms@edge``."""
    return name.replace(AT, "/")


def tracking_uri(config: SweepConfig, workspace: Workspace) -> str:
    """The URI where MLflow keeps the sweep: its tracking server, or the workspace's own store."""
    return config.tracking.uri or workspace.tracking_uri


def connect(config: SweepConfig, workspace: Workspace) -> MlflowClient:
    """A client of the sweep's tracking server, or of the workspace's own store, which is made if it is missing."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    # MLflow's set-up of a new database is told line by line.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not config.tracking.uri:
        create_database(workspace.tracking_file, workspace.artifacts)
    return MlflowClient(tracking_uri(config, workspace))


def experiment_id(client: MlflowClient, config: SweepConfig, workspace: Workspace) -> str:
    """The id of the sweep's experiment, which is made if it is missing."""
    found = client.get_experiment_by_name(config.experiment)
    if found:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    # Within the artifacts' folder, whatever the name; two may share one, as each run has its own in it.
    folder = re.sub(r"[^A-Za-z0-9_-]+", "_", config.experiment)[:100]
    location = None if config.tracking.uri else (workspace.artifacts / folder).as_uri()
    tags = {"mlflow.experimentKind": "custom_model_development"}  # or the UI would take it for a language model's
    return str(client.create_experiment(config.experiment, artifact_location=location, tags=tags))


def study_runs(client: MlflowClient, experiment: str, study_id: str, condition: str = "") -> list[Run]:
    """The runs of a study, parent included; only those that keep `condition`, if one is given."""
    query = f"tags.`{STUDY}` = '{study_id}'" + (f" and {condition}" if condition else "")
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], query, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs
