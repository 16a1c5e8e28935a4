"""The labels of examples: as classes, as labels that may hold together, or as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.tasks.reading import Kind

LOSS: dict[Kind, str] = {"classes": "cross-entropy", "labels": "binary-cross-entropy", "numbers": "mse"}
"""The loss that suits each kind of label."""


@dataclass(frozen=True)
class Labels:
    """The labels of all rows.

    Attributes:
        kind: How they are read; see `pipelines.tasks.reading.Reading`.
        names: The names of classes or labels, in the order of the outputs; none for numbers.
        targets: Shape (rows,) of classes, (rows, labels) of labels, (rows, 1) of numbers.
    """

    kind: Kind
    names: tuple[str, ...]
    targets: Tensor

    @property
    def outputs(self) -> int:
        """The number of outputs that a network needs."""
        return len(self.names) or 1


def labels_of(values: Sequence[Any]) -> Labels:
    """The labels that `values` are: numbers with a fraction are numbers, lists several labels each, all else classes.

    Raises:
        ValueError: there is only one class, or a row has no label.
    """
    if empty := sum(value is None or (isinstance(value, float) and value != value) for value in values):
        raise ValueError(f"{empty} of {len(values)} rows have no label; leave them out of the data")
    if all(isinstance(value, (list, tuple, np.ndarray)) for value in values):
        names = sorted({str(label) for value in values for label in value})
        rows = [[float(name in set(map(str, value))) for name in names] for value in values]
        return Labels("labels", tuple(names), torch.tensor(rows))
    if any(isinstance(value, float) and not value.is_integer() for value in values):
        return Labels("numbers", (), torch.tensor([[float(value)] for value in values]))
    whole = all(isinstance(value, (int, np.integer, float)) for value in values)
    kinds: list[Any] = sorted({int(value) if whole else str(value) for value in values})
    if len(kinds) < 2:
        raise ValueError(f"the labels have a single class, {kinds[0] if kinds else 'none'}: there is nothing to learn")
    places = {kind: index for index, kind in enumerate(kinds)}
    targets = torch.tensor([places[int(value) if whole else str(value)] for value in values])
    return Labels("classes", tuple(map(str, kinds)), targets)
