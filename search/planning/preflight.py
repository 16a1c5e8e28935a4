"""What can be found wrong with a person's task before any trial starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from pipelines import Task
from pipelines.distillers import FEATURES
from pipelines.distillers.teaching import distillation_problem
from pipelines.importances import IMPORTANCES
from pipelines.networks.inheritance import inherit
from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS
from pipelines.stages.distil import FEATURE, nothing_inherited
from pipelines.tasks.task import as_tuple, make_student, takes_width
from spaces import NONE, Problem, SearchSpace

Size = tuple[int, float]
"""A student's depth and width."""


def preflight(task: Task, space: SearchSpace) -> list[Problem]:
    """Make the task's teacher and every student of the space, and call each with the example input.

    Every technique of the space is asked whether it can work on them.

    Returns:
        Everything found wrong with them.
    """
    problems: list[Problem] = []
    if message := _example_problem(task):
        # Every network would only repeat it.
        problems.append(Problem("task.use", message))
    else:
        teacher = _network(problems, "task.use", "teacher()", task, task.teacher)
        students = dict(_students(problems, space, task, teacher))
        if teacher:
            problems += _technique_problems(space, task, teacher)
            problems += _teaching_problems(space, task, teacher, students)
    for split in ("train", "calibration", "validation"):
        if message := _batch_problem(task, split):
            problems.append(Problem("task.use", message))
    return problems


def _students(
    problems: list[Problem], space: SearchSpace, task: Task, teacher: nn.Module | None
) -> Iterator[tuple[Size, nn.Module]]:
    """The students of the space that can be made and give what the teacher gives; adds to `problems` if some do not."""
    shape = _output_shape(teacher, task) if teacher else None
    # Without a legal width the depths can be tried nevertheless.
    widths = [float(width) for width in space.used("student.width") if width != NONE] or [1.0]
    if any(width != 1 for width in widths) and not takes_width(task):
        advice = "write: def student(self, depth, width=1.0), or leave student.width at 1"
        problems.append(Problem("space.student.width", f"{type(task).__name__}.student takes no width; {advice}"))
        widths = [1.0]
    for depth in (int(depth) for depth in space.used("student.depth") if depth != NONE):
        for width in widths:
            where, call = "space.student.depth", f"student({depth})"
            if width != 1:
                where, call = "space.student", f"student({depth}, width={width:g})"
            student = _network(problems, where, call, task, lambda d=depth, w=width: make_student(task, d, w))  # type: ignore[misc]
            if student is None:
                continue
            if shape and (own := _output_shape(student, task)) != shape:
                problems.append(Problem(where, f"{call} gives {own}, but teacher() gives {shape}"))
            else:
                yield (depth, width), student


def _network(
    problems: list[Problem], where: str, call: str, task: Task, make: Callable[[], nn.Module]
) -> nn.Module | None:
    """The network if it can be called with the example input, or None and a problem."""
    try:
        model = make()
        if not isinstance(model, nn.Module):
            problems.append(Problem(where, f"{call} gives a {type(model).__name__}, not a torch.nn.Module"))
            return None
        _output_shape(model, task)
    except Exception as error:  # whatever a person's code does is told as theirs
        problems.append(Problem(where, f"{call} with example_input(): {type(error).__name__}: {error}"))
        return None
    return model


def _output_shape(model: nn.Module, task: Task) -> tuple[int, ...]:
    with torch.inference_mode():
        return tuple(model.eval()(*as_tuple(task.example_input())).shape)


def _technique_problems(space: SearchSpace, task: Task, teacher: nn.Module) -> Iterator[Problem]:
    """What pruners, importances and quantizers of the space cannot do with the teacher."""
    example = task.example_input()
    questions: dict[str, dict[str, Callable[[], str | None]]] = {
        "pruning.method": {name: partial(pruner.problem, teacher, example) for name, pruner in PRUNERS.items()},
        "pruning.importance": {name: partial(one.problem, teacher) for name, one in IMPORTANCES.items()},
        "quantization.scheme": {name: partial(quantizer.problem, teacher) for name, quantizer in QUANTIZERS.items()},
    }
    for axis, asked in questions.items():
        for name in (str(value) for value in space.used(axis) if value in asked):
            if message := _told(asked[name]):
                yield Problem(f"space.{axis}", f"{name}: {message}; take it out of the axis")


def _teaching_problems(
    space: SearchSpace, task: Task, teacher: nn.Module, students: Mapping[Size, nn.Module]
) -> Iterator[Problem]:
    """What students of the space cannot learn from the teacher, or have of it from the beginning."""
    for (depth, width), student in students.items():
        who = f"student({depth})" if width == 1 else f"student({depth}, width={width:g})"
        for name in (str(value) for value in space.used(FEATURE) if value != NONE):
            if message := _told(partial(distillation_problem, FEATURES[name], student, teacher, task, depth)):
                yield Problem(f"space.{FEATURE}", f"{name} for {who}: {message}; take it out of the axis")
    for (depth, width), student in students.items():
        # Narrower ones never begin with the teacher's layers. This changes the student, so it comes last.
        if width == 1 and "teacher" in space.used("student.init") and not inherit(student, teacher):
            yield Problem("space.student.init", f"student({depth}): {nothing_inherited(student, teacher)}")


def _told(ask: Callable[[], str | None]) -> str | None:
    try:
        return ask()
    except Exception as error:  # a person's network may do anything when it is called
        return f"{type(error).__name__}: {error}"


def _example_problem(task: Task) -> str | None:
    try:
        given = as_tuple(task.example_input())
    except Exception as error:  # whatever a person's code does is told as theirs
        return f"example_input(): {type(error).__name__}: {error}"
    wrong = [type(one).__name__ for one in given if not isinstance(one, Tensor)]
    return f"example_input() gives a {wrong[0]}, not a tensor or a tuple of tensors" if wrong else None


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
