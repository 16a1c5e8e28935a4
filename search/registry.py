"""A trial's file as an MLflow model, and under a name in the model registry."""

from __future__ import annotations

import re
from pathlib import Path

import mlflow
import onnx
from mlflow.models import infer_signature

from pipelines import RUNTIMES, Evaluator
from pipelines.runtimes import to_feed
from search.config import SweepConfig
from search.errors import SweepError
from search.study import read_study_id
from search.tracker import NUMBER, STUDY, connect, experiment_id
from search.trial import Trial
from search.workspace import Workspace
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
    config: SweepConfig, workspace: Workspace, trial: Trial, file: Path, evaluator: Evaluator, name: str, alias: str
) -> int:
    """Log the file of `trial` as an ONNX model on its run and register it as `name` with `alias`.

    Returns:
        The registered version.

    Raises:
        SweepError: the trial's run is not in MLflow.
    """
    client = connect(config, workspace)
    mlflow.set_tracking_uri(config.tracking.uri or workspace.tracking_uri)
    experiment = experiment_id(client, config, workspace)
    study = read_study_id(workspace.sweep(config.sweep))
    runs = client.search_runs([experiment], f"tags.`{NUMBER}` = '{trial.number}' and tags.`{STUDY}` = '{study}'")
    if not runs:
        raise SweepError(f"trial {trial.number} is not in MLflow; run the sweep again to bring MLflow up to date")
    feed = to_feed(evaluator.task.example_input())
    output = RUNTIMES[config.target.runtime].load(file, config.target.threads).run(feed)
    with mlflow.start_run(run_id=runs[0].info.run_id, log_system_metrics=False):
        model = mlflow.onnx.log_model(
            onnx.load(file), name="model", signature=infer_signature(feed, output), input_example=feed
        )
    client.set_terminated(runs[0].info.run_id, "FINISHED", runs[0].info.end_time)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    version = client.create_model_version(
        name, source=f"models:/{model.model_id}", run_id=runs[0].info.run_id, model_id=model.model_id
    )
    client.set_registered_model_alias(name, alias, version.version)
    return int(version.version)
