"""A trial's file under a name in the model registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow

from pipelines import Evaluator
from search.config.sweep_config import SweepConfig
from search.errors import SweepError
from search.reports.table import number
from search.study.study import read_study_id
from search.study.trial import Trial
from search.study.workspace import Workspace
from search.tracking.client import NUMBER, connect, experiment_id, study_runs, tracked, tracking_uri
from search.tracking.lineage import lineage
from search.tracking.models import log_model, model_of
from spaces import InputError


def parse_name(text: str) -> tuple[str, str]:
    """``NAME@ALIAS`` as its two parts.

    Raises:
        InputError: it is not of this form.
    """
    match = re.fullmatch(r"([^@/:.%\"']+)@([\w-]+)", text)
    if not match:
        raise InputError.at("--register", f"{text!r} is not NAME@ALIAS, such as digits-cpu@champion")
    return match[1], match[2]


def register(
    config: SweepConfig,
    workspace: Workspace,
    trial: Trial,
    file: Path,
    evaluator: Evaluator,
    name: str,
    alias: str,
    *,
    test_accuracy: float | None = None,
) -> int:
    """Register the file of `trial` as `name` with `alias`: the model on its run, which is logged if it is not yet.

    Args:
        config: The trial's sweep.
        workspace: Where the sweep is kept.
        trial: A complete trial.
        file: Its exported file.
        evaluator: Gives the input example if the model is not logged yet.
        name: The registered model, made if it does not exist.
        alias: Points to the new version from now on.
        test_accuracy: What the file scores on the test split, if that was opened.

    Returns:
        The registered version.

    Raises:
        SweepError: the trial's run is not in MLflow.
    """
    client = connect(config, workspace)
    study = read_study_id(workspace.sweep(config.sweep)) or ""
    runs = study_runs(client, experiment_id(client, config, workspace), study, f"tags.`{NUMBER}` = '{trial.number}'")
    if not runs:
        raise SweepError(f"trial {trial.number} is not in MLflow; run the sweep again to bring MLflow up to date")
    about = lineage(config, trial)
    model = model_of(client, runs[0]) or log_model(client, runs[0], file, evaluator.task, config.targets.first, about)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    with _tracked_at(tracking_uri(config, workspace)):
        version = client.create_model_version(
            name,
            source=f"models:/{model.model_id}",
            run_id=runs[0].info.run_id,
            tags=about | _numbers(trial, test_accuracy),
            description=_describe(config, trial, test_accuracy),
            model_id=model.model_id,
        )
    client.set_registered_model_alias(name, alias, version.version)
    return int(version.version)


@contextmanager
def _tracked_at(uri: str) -> Iterator[None]:
    """`uri` as MLflow's global address for a while: the embedded registry looks models up there."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _numbers(trial: Trial, test_accuracy: float | None) -> dict[str, str]:
    tags = {tracked(f"metric.{name}"): f"{value:.6g}" for name, value in trial.metrics.items()}
    return tags if test_accuracy is None else {**tags, "test_accuracy": f"{test_accuracy:.6g}"}


def _describe(config: SweepConfig, trial: Trial, test_accuracy: float | None) -> str:
    """The version's description, Markdown."""
    values = [f"{objective.name} {number(trial.metrics.get(objective.name))}" for objective in config.objectives]
    values += [] if test_accuracy is None else [f"test accuracy {number(test_accuracy)}"]
    return (
        f"**{trial.label}**: {', '.join(values)}.\n\n"
        f"Trial {trial.number} of the Paredown sweep `{config.sweep}` (task `{config.task.use}`, seed "
        f"{config.search.seed}); recipe `{trial.recipe.digest}`."
    )
