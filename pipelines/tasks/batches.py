"""The batches of a task as pairs of inputs and targets, whichever way the task gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from torch import Tensor

from pipelines.tasks.task import Batch, Split, Task

TARGETS = ("labels", "label", "targets", "target")
"""The names of targets in a batch by name: ``labels`` is what the collators of Hugging Face write."""


def batches_of(task: Task, split: Split) -> Iterator[Batch]:
    """Yield the batches of a split, each as a pair (inputs, targets)."""
    return map(as_pair, task.batches(split))


def as_pair(batch: object) -> Batch:
    """`batch` as a pair: of one by name, such as a Hugging Face collator gives, the targets apart from the rest.

    Raises:
        ValueError: it is by name, and not one of the names is that of targets.
    """
    if not isinstance(batch, Mapping):
        return cast(Batch, batch)
    there = [name for name in TARGETS if name in batch]
    if len(there) != 1:
        raise ValueError(
            f"gives batches by name ({', '.join(map(str, batch))}) with {'several' if there else 'none'} of the names "
            f"of targets, which are {', '.join(TARGETS)}; give pairs (inputs, targets) instead"
        )
    return {name: value for name, value in batch.items() if name != there[0]}, cast(Tensor, batch[there[0]])
