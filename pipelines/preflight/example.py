"""The example input of a task."""

from __future__ import annotations

from torch import Tensor

from pipelines.tasks.task import Task, as_tuple


def example_problem(task: Task) -> str | None:
    """The reason why the example input of `task` cannot be given to a network, or None."""
    try:
        given = as_tuple(task.example_input())
    except Exception as error:  # a task may raise anything
        return f"example_input(): {type(error).__name__}: {error}"
    wrong = [type(one).__name__ for one in given if not isinstance(one, Tensor)]
    return f"example_input() gives a {wrong[0]}, not a tensor or a tuple of tensors" if wrong else None
