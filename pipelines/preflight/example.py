"""The example input of a task."""

from __future__ import annotations

from torch import Tensor

from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.task import Task


def example_problem(task: Task) -> str | None:
    """The reason why the example input of `task` cannot be given to a network, or None."""
    try:
        given = task.example_input()
    except FAULTS as error:  # a task may raise anything
        return f"example_input(): {told(error)}"
    parts = list(given) if isinstance(given, (tuple, list)) else [given]
    if wrong := [type(one).__name__ for one in parts if not isinstance(one, Tensor)]:
        kind = f"{type(given).__name__} of {wrong[0]}" if isinstance(given, (tuple, list)) else wrong[0]
        return f"example_input() gives a {kind}, not a tensor or a tuple of tensors"
    if not parts:
        return f"example_input() gives an empty {type(given).__name__}, not a tensor or a tuple of tensors"
    if any(not one.dim() or not len(one) for one in parts):
        shapes = ", ".join(str(tuple(one.shape)) for one in parts)
        return f"example_input() has shape {shapes}, and no example in it: the batch dimension comes first"
    return None
