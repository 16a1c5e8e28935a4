"""Exported files as MLflow models: flavour, signature, input example. Logged once for each trial's run."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import mlflow.onnx
import onnx
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric, Run
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.tracking import MlflowClient

from pipelines import RUNTIMES, Target, Task, format_of
from pipelines.extra import distribution, installed_version
from pipelines.runtimes import Artifact, Feed, TorchProgram, to_feed
from pipelines.tasks.files import task_files

NEEDS = ("onnx", "onnxruntime", "numpy")
"""What whoever loads an ONNX model needs; asked of MLflow, it would load each in another process to find out."""

EXTRA_FILES = "extra_files"
"""The folder of an MLflow model for what goes with it."""

ILLEGAL = r"[/:.%\"']"
"""What MLflow does not allow in a model's name."""


def model_of(client: MlflowClient, run: Run) -> LoggedModel | None:
    """The model that was logged on `run` and is whole, or None."""
    query = f"source_run_id = '{run.info.run_id}'"
    found = client.search_logged_models([run.info.experiment_id], query)
    return next((model for model in found if model.status == LoggedModelStatus.READY), None)


def log_model(
    client: MlflowClient, run: Run, file: Path, task: Task, target: Target, about: Mapping[str, str]
) -> LoggedModel:
    """Log the exported `file` as a model on `run`, byte for byte, with the run's metrics.

    Args:
        client: Where.
        run: The trial's run.
        file: A file of the format that the target executes.
        task: Gives the input example.
        target: The runtime that computes the example's output, from which the signature is taken.
        about: Tags of the model.

    Raises:
        TrialFailed: the runtime refuses the file.
    """
    feed = to_feed(task.example_input())
    written_as = format_of(target.runtime)
    if target.on_gpu:  # the driver may have none, and should not hold one: outputs have the same shape on a CPU
        reference = RUNTIMES[written_as.reference]
        target = Target(reference.name, reference.devices[0])
    outputs = RUNTIMES[target.runtime].load(Artifact(file, written_as.name), target).run_all(feed)
    name = re.sub(ILLEGAL, "_", run.info.run_name)
    params, run_id = dict(run.data.params), run.info.run_id
    logged = client.create_logged_model(run.info.experiment_id, name, run_id, dict(about), params, written_as.title)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            model = Model(
                artifact_path=logged.artifact_location,
                model_uuid=logged.model_id,
                model_id=logged.model_id,
                run_id=logged.source_run_id,
                signature=infer_signature(feed, outputs if len(outputs) > 1 else next(iter(outputs.values()))),
            )
            place = FLAVORS.get(written_as.flavor or "", _save_plain)(file, folder, model, feed)
            shutil.copyfile(file, place)  # what was measured, and not another way to write it down
            _add_files(folder, task)
            client.log_model_artifacts(logged.model_id, str(folder))
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        client.log_batch(run_id, metrics=_metrics(run, logged))
        return client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    except BaseException:
        with suppress(Exception):
            client.delete_logged_model(logged.model_id)
        raise


def _add_files(folder: Path, task: Task) -> None:
    """Put the files of `task` that go with its models into a folder of the model's."""
    for name, content in task_files(task).items():
        (folder / EXTRA_FILES).mkdir(exist_ok=True)
        (folder / EXTRA_FILES / name).write_bytes(content)


def _save_onnx(file: Path, folder: Path, model: Model, feed: Feed) -> Path:
    mlflow.onnx.save_model(
        onnx.load(file),
        folder,
        mlflow_model=model,
        signature=model.signature,
        input_example=feed,
        pip_requirements=[f"{distribution(name)}=={installed_version(name)}" for name in NEEDS],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )
    return folder / "model.onnx"


def _save_pytorch(file: Path, folder: Path, model: Model, feed: Feed) -> Path:
    """A program of ``torch.export``. MLflow's flavour takes one tensor; what has several inputs is logged as it is."""
    if len(feed) > 1:
        return _save_plain(file, folder, model, feed)
    (array,) = feed.values()
    save_model = _pytorch_flavour()
    save_model(
        TorchProgram.read(file).program.module(check_guards=False),
        folder,
        mlflow_model=model,
        signature=ModelSignature(infer_signature(array).inputs, model.signature.outputs),
        input_example=array,
        pip_requirements=[f"torch=={installed_version('torch')}", f"numpy=={installed_version('numpy')}"],
        serialization_format="pt2",
    )
    return folder / "data" / "model.pt2"


def _pytorch_flavour() -> Callable[..., None]:
    """MLflow's writer of PyTorch models. Its module silences all warnings of this process when it is imported."""
    level = logging.getLogger().level
    from mlflow.pytorch import save_model

    logging.getLogger().setLevel(level)
    save: Callable[..., None] = save_model
    return save


def _save_plain(file: Path, folder: Path, model: Model, feed: Feed) -> Path:
    """A model without a flavour: MLflow shows, keeps and registers it; to load it is left to whoever knows the file."""
    folder.mkdir()
    model.save(str(folder / "MLmodel"))
    return folder / file.name


FLAVORS: Mapping[str, Callable[[Path, Path, Model, Feed], Path]] = {"onnx": _save_onnx, "pytorch": _save_pytorch}
"""By the name of the flavour, what writes an MLflow model of a file into a new folder, and says where the file goes."""


def _metrics(run: Run, logged: LoggedModel) -> list[Metric]:
    """The run's metrics that say something of the file, as the model's."""
    return [
        Metric(name, value, run.info.start_time, 0, model_id=logged.model_id, run_id=run.info.run_id)
        for name, value in run.data.metrics.items()
        if not name.startswith(("seconds/", "system/"))
    ]
