"""A small round of what a sweep does: its own stages, untrained networks, one small batch for each split."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils._pytree import tree_map

from pipelines.errors import TrialFailed
from pipelines.formats import FORMATS, artifact_in
from pipelines.preflight.batches import Sample
from pipelines.runtimes import RUNTIMES, Session, Target
from pipelines.stages import Listens, Stage, TrainTeacher, Work
from pipelines.stages.stage import NOTE
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.hooks import HOOKS, OwnTensors
from pipelines.tasks.task import Batch, Split, Task
from pipelines.training.context import Context
from pipelines.training.exclude import NOTHING, Exclude
from pipelines.training.feed import all_examples
from pipelines.training.settings import Training
from spaces import digest

EXAMPLES = 8
"""So many of a task's tensors are trained on."""


class OneBatch:
    """A person's task with one small batch in each split.

    Args:
        task: The task.
        samples: What was seen of its splits.
    """

    def __init__(self, task: Task, samples: Mapping[Split, Sample]) -> None:
        self._task, self._samples = task, samples
        # As attributes of its own: Python 3.12 looks for hooks without asking __getattr__. A loop of the task's own
        # would go through all of its data, so that it is not tried.
        hooks = {name: getattr(task, name, None) for name in HOOKS if name != "fit"}
        vars(self).update({name: hook for name, hook in hooks.items() if hook is not None})
        if isinstance(task, OwnTensors):
            vars(self)["tensors"] = lambda split: tree_map(lambda x: x[:EXAMPLES], all_examples(task, split))

    def __getattr__(self, name: str) -> Any:
        if name in HOOKS:
            raise AttributeError(name)
        return getattr(self._task, name)

    def batches(self, split: Split) -> Iterable[Batch]:
        """See `Task.batches`."""
        return [self._samples[split].batch]


@dataclass(frozen=True)
class Fault:
    """A failure of the rehearsal.

    Attributes:
        stage: The name of the stage.
        reason: Why, in words.
    """

    stage: str
    reason: str


class Rehearsal:
    """Runs stages as a trial does; what several chains begin with is done once.

    Args:
        task: The person's task.
        samples: What was seen of its splits; all that a sweep reads.
        training: How networks are trained: for one epoch at most.
        format: The name of the format of exported files.
        folder: An empty folder for the results.
        exclude: The layers that pruning and quantization must not touch.
    """

    def __init__(
        self,
        task: Task,
        samples: Mapping[Split, Sample],
        training: Training,
        format: str,
        folder: Path,
        exclude: Exclude = NOTHING,
    ) -> None:
        self._context = Context(
            cast(Task, OneBatch(task, samples)),
            fingerprint="",
            training=training,
            seed=0,
            device=torch.device("cpu"),
            format=format,
            exclude=exclude,
        )
        self._folder = folder
        self._done: dict[str, Path | Fault] = {}

    @property
    def exclude(self) -> Exclude:
        """The layers that pruning and quantization must not touch."""
        return self._context.exclude

    @property
    def training(self) -> Training:
        """The settings of training."""
        return self._context.training

    def run(self, work: Sequence[Work]) -> Path | Fault:
        """The folder with the result of the last of `work`, or why one of them has none."""
        if not work:
            return Path()
        key = digest([[stage.name, dict(params)] for stage, params in work])
        if key not in self._done:
            parent = self.run(work[:-1])
            self._done[key] = parent if isinstance(parent, Fault) else self._result(*work[-1], parent, key)
        return self._done[key]

    def session(self, folder: Path) -> Session:
        """The exported file in `folder`, loaded in the runtime that its format is compared in."""
        wanted = FORMATS[self._context.format]
        runtime = RUNTIMES[wanted.reference]
        return runtime.load(artifact_in(folder, wanted.name), Target(runtime.name, runtime.devices[0]))

    def _result(self, stage: Stage, params: Mapping[str, Any], parent: Path, key: str) -> Path | Fault:
        context = self._context
        if isinstance(stage, Listens) and stage.listens(params):
            asked = self.run(((TrainTeacher(), {}),))
            if isinstance(asked, Fault):
                return asked
            context = replace(context, teacher=asked)
        context = replace(context, notes=[])
        out = self._folder / key
        out.mkdir()
        try:
            stage.run(parent, out, params, context)
            if context.notes:
                (out / NOTE).write_text("; ".join(context.notes), encoding="utf-8")
        except TrialFailed as error:
            return Fault(stage.name, error.reason)
        except FAULTS as error:  # a person's code may raise anything
            return Fault(stage.name, told(error))
        return out


@contextmanager
def rehearsal(
    task: Task,
    samples: Mapping[Split, Sample],
    training: Training,
    format: str,
    exclude: Exclude = NOTHING,
) -> Iterator[Rehearsal]:
    """A rehearsal whose results are removed afterwards."""
    log = torch._C._jit_onnx_log
    torch._C._jit_onnx_log = lambda *about: None  # the exporter prints the whole graph that it cannot export
    try:
        with tempfile.TemporaryDirectory(prefix="paredown-") as folder:
            yield Rehearsal(task, samples, training, format, Path(folder), exclude)
    finally:
        torch._C._jit_onnx_log = log
