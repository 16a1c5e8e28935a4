"""What can be found wrong with a person's task before any trial starts."""

from __future__ import annotations

import torch
from torch import nn

from pipelines import METRICS, Task, load_task
from pipelines.task import as_tuple
from search.config import SweepConfig
from spaces import NONE, InputError, Problem


def preflight(config: SweepConfig) -> Task:
    """Make the task, its teacher and every student of the space, and call each with the example input.

    Returns:
        The task.

    Raises:
        InputError: everything found wrong with them.
    """
    task = load_task(config.task.use, config.task.args)
    problems: list[Problem] = []
    teacher = _shape(problems, "task.use", "teacher()", task, task.teacher)
    for depth in config.space.axis("student.depth").values:
        if depth == NONE:
            continue
        where = "space.student.depth"
        student = _shape(problems, where, f"student({depth})", task, lambda depth=depth: task.student(depth))
        if teacher and student and teacher != student:
            problems.append(Problem(where, f"student({depth}) gives {student}, but teacher() gives {teacher}"))
    for split in ("train", "calibration", "validation"):
        if message := _batch_problem(task, split):
            problems.append(Problem("task.use", message))
    if problems:
        raise InputError(problems)
    return task


def absences(config: SweepConfig) -> list[str]:
    """What this machine cannot measure of what the sweep needs: warnings only, as others may run the trials."""
    found = []
    for name in config.optional_metrics:
        absence = METRICS[name].absence
        if absence and (reason := absence()):
            found.append(f"{name} is not available here: {reason}; trials that run here will fail")
    return found


def _shape(problems: list[Problem], where: str, call: str, task: Task, make: object) -> tuple[int, ...] | None:
    """The shape of what the network gives for the example input, or None and a problem."""
    try:
        model = make()  # type: ignore[operator]
        if not isinstance(model, nn.Module):
            problems.append(Problem(where, f"{call} gives a {type(model).__name__}, not a torch.nn.Module"))
            return None
        with torch.inference_mode():
            return tuple(model.eval()(*as_tuple(task.example_input())).shape)
    except Exception as error:  # whatever a person's code does is told as theirs
        problems.append(Problem(where, f"{call} with example_input(): {type(error).__name__}: {error}"))
        return None


def _batch_problem(task: Task, split: str) -> str | None:
    try:
        batch = next(iter(task.batches(split)), None)  # type: ignore[arg-type]
    except Exception as error:
        return f"batches({split!r}): {type(error).__name__}: {error}"
    if batch is None:
        return f"batches({split!r}) gives no batch"
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        return f"batches({split!r}) must give pairs (inputs, targets), not {type(batch).__name__}"
    return None
