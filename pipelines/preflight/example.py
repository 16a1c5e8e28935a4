"""The example input of a task."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.task import Task
from pipelines.tasks.tensors import parts

FORMS = "a tuple or a dict of tensors"
"""The forms of several inputs."""


def example_problem(task: Task) -> str | None:
    """The reason why the example input of `task` cannot be given to a network, or None."""
    try:
        given = task.example_input()
    except FAULTS as error:  # a task may raise anything
        return f"example_input(): {told(error)}"
    each = parts(given)
    if wrong := [type(one).__name__ for one in each if not isinstance(one, Tensor)]:
        kind = f"{type(given).__name__} of {wrong[0]}" if isinstance(given, (tuple, list, Mapping)) else wrong[0]
        return f"example_input() gives a {kind}, not a tensor or {FORMS}"
    if not each:
        return f"example_input() gives an empty {type(given).__name__}, not a tensor or {FORMS}"
    if any(not one.dim() or not len(one) for one in each):
        shapes = ", ".join(str(tuple(one.shape)) for one in each)
        return f"example_input() has shape {shapes}, and no example in it: the batch dimension comes first"
    return None
