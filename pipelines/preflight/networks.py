"""The networks of a task: its teacher, and the students that a space asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from pipelines.tasks.task import Task, as_tuple, make_student, takes_width
from spaces import NONE, Problem, SearchSpace

StudentSize = tuple[int, float]
"""A student's depth and width."""


@dataclass(frozen=True)
class Networks:
    """The networks that could be made and called with the example input.

    Attributes:
        teacher: The teacher, or None.
        students: The students by depth and width, those that give outputs of the teacher's shape.
    """

    teacher: nn.Module | None
    students: Mapping[StudentSize, nn.Module]


def make_networks(task: Task, space: SearchSpace, problems: list[Problem]) -> Networks:
    """Make the teacher and the students of `space`; adds to `problems` where that fails."""
    teacher = _network(problems, "task.use", "teacher()", task, task.teacher)
    return Networks(teacher, dict(_students(problems, space, task, teacher)))


def _students(
    problems: list[Problem], space: SearchSpace, task: Task, teacher: nn.Module | None
) -> Iterator[tuple[StudentSize, nn.Module]]:
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
    except Exception as error:  # a task may raise anything
        problems.append(Problem(where, f"{call} with example_input(): {type(error).__name__}: {error}"))
        return None
    return model


def _output_shape(model: nn.Module, task: Task) -> tuple[int, ...]:
    with torch.inference_mode():
        return tuple(model.eval()(*as_tuple(task.example_input())).shape)
