"""A rule of an operator, and the reasons that several rules give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow

POSITIONS = "positions"
"""Why an axis of places (rows, columns, tokens) that convolutions and pooling move is fixed."""

HIDDEN = "it is the hidden state of a recurrent layer"
"""Why an axis is fixed that a recurrent layer hands on to itself."""

Rule = Callable[["Dataflow", Sequence[Any], Mapping[str, Any], Any], None]
"""Given the flow, an operator's arguments and its result: notes the result's dimensions, or raises `Mismatch`."""
