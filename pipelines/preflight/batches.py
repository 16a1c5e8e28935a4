"""The batches of a task, as far as its splits for searching go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pipelines.tasks.task import Split, Task
from spaces import Problem

SPLITS: tuple[Split, ...] = tuple(split for split in get_args(Split) if split != "test")
"""The splits that a sweep reads; the test split is none of them."""


def batch_problems(task: Task) -> Iterator[Problem]:
    """The splits of `task` that give no usable first batch."""
    for split in SPLITS:
        if message := _problem(task, split):
            yield Problem("task.use", message)


def _problem(task: Task, split: Split) -> str | None:
    try:
        batch = next(iter(task.batches(split)), None)
    except Exception as error:  # a task may raise anything
        return f"batches({split!r}): {type(error).__name__}: {error}"
    if batch is None:
        return f"batches({split!r}) gives no batch"
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        return f"batches({split!r}) must give pairs (inputs, targets), not {type(batch).__name__}"
    return None
