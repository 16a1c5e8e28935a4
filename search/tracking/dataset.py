"""The data of a sweep as MLflow's data set input: what it is, by name and digest, without copying it."""

from __future__ import annotations

import json
from typing import cast

from mlflow.entities import Dataset, DatasetInput, InputTag

from pipelines import Split, Task
from pipelines.identity import TaskIdentity
from pipelines.redaction import redacted
from pipelines.tasks.task import as_tuple
from search.config.sweep_config import SweepConfig

CONTEXT = "mlflow.data.context"
SPLITS: tuple[Split, ...] = ("train", "calibration", "validation")
"""The splits that a search sees."""


def dataset_input(config: SweepConfig, task: Task) -> DatasetInput:
    """The task's data: named by the task, with the fingerprint of its sources as digest, so that equal data is found.

    No network is made for it: that would move the generators on which a training beside it may depend.

    The sizes of splits are told where they cost nothing: where a split comes as a data loader that knows its length.
    """
    profile = {f"{split} examples": size for split in SPLITS if (size := _size(task, split)) is not None}
    shapes = [{"shape": list(x.shape), "dtype": str(x.dtype)} for x in as_tuple(task.example_input())]
    source = {"task": config.task.use, "args": redacted(config.task.args)}
    data = Dataset(
        name=config.task.use.rpartition(":")[2],
        digest=TaskIdentity.of_source(task, config.task.use, config.task.args).fingerprint,
        source_type="code",
        source=json.dumps(source, default=str),
        schema=json.dumps({"example_input": shapes}),
        profile=json.dumps(profile),
    )
    return DatasetInput(data, [InputTag(CONTEXT, "search")])


def _size(task: Task, split: Split) -> int | None:
    """The number of examples of a split, or None if only a pass over it would tell."""
    try:
        return len(cast(object, task.batches(split)).dataset)  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return None
