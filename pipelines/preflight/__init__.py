"""Problems of a person's task that can be found before any trial starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipelines.preflight.batches import SPLITS, sample_splits
from pipelines.preflight.example import example_problem
from pipelines.preflight.findings import Findings
from pipelines.preflight.networks import make_networks
from pipelines.preflight.objective import batch_outputs, objective_problems
from pipelines.preflight.progress import at, latest
from pipelines.preflight.rehearsal import rehearsal
from pipelines.preflight.round import try_cuts, try_networks
from pipelines.preflight.techniques import exclude_problems, teaching_problems, technique_problems
from pipelines.preflight.training import training_warnings
from pipelines.pruners.options import BY_SENSITIVITY, SCOPE
from pipelines.tasks.fault import FAULTS, place, told
from pipelines.tasks.task import Split, Task
from pipelines.training.context import Context
from pipelines.training.exclude import NOTHING, Exclude
from pipelines.training.settings import Training
from spaces import SearchSpace


def preflight(
    task: Task,
    space: SearchSpace,
    training: Training | None = None,
    format: str = Context.format,
    exclude: Exclude = NOTHING,
) -> Findings:
    """Try everything that the trials of `space` will ask of `task`, on one small batch and with untrained networks.

    Networks are made and called, batches looked at, the loss and the score taken, techniques asked whether they can
    work, and if so far nothing hinders it, the stages of trials run: a step of each training, each kind of cut, the
    export.

    Args:
        task: What is tried.
        space: What may be asked of it.
        training: How its networks are trained; what is not trained need not be fit for that.
        format: The name of the format of exported files.
        exclude: The layers that pruning and quantization must not touch.

    Returns:
        Everything found wrong, by the place in a sweep's file; whatever the task raises is such a problem. And rules,
        for what cannot work with some of the networks only.
    """
    findings = Findings()
    with _one_thread():
        try:
            _try(task, space, training or Training(), format, exclude, findings)
        except FAULTS as error:  # a person's code may raise what it did not before
            if not place(error):
                raise
            findings.add("task.use", f": {told(error)}", latest())
    return findings


def _try(task: Task, space: SearchSpace, training: Training, format: str, exclude: Exclude, findings: Findings) -> None:
    at("example_input()")
    example = example_problem(task)
    if example:
        findings.add("task.use", example)
    samples = sample_splits(task, findings, compare=not example)
    if drawn := getattr(task, "drawn", ""):
        findings.warnings.append(f"task.args.data: {drawn}")
    if example:
        return  # every network would only repeat it
    networks = make_networks(task, space, findings)
    if networks.teacher is None:
        return
    exclude_problems(exclude, networks, findings)
    technique_problems(space, networks, exclude, findings)
    findings.warnings += training_warnings(task, space, training)
    teachable = teaching_problems(task, space, networks, findings)
    outputs = batch_outputs(networks.teacher, samples, findings)
    ranked: tuple[Split, ...] = ("calibration",) if BY_SENSITIVITY in space.used(SCOPE.name) else ()
    objective = objective_problems(task, outputs, samples, findings, ("validation", *ranked))
    if len(outputs) == len(SPLITS):
        with rehearsal(task, samples, training.at_most(1 if objective else 0), format, exclude) as stages:
            try_networks(task, teachable, networks, samples, stages, findings)
            try_cuts(task, space, networks, stages, findings)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Within it PyTorch takes one thread: for as little work as this more are slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


__all__ = ["Findings", "preflight"]
