"""The table that a sensitivity analysis gives: the accuracy lost by cutting each layer alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TABLE = "sensitivity.json"


@dataclass(frozen=True)
class Row:
    """One layer cut by one ratio.

    Attributes:
        layer: Its name.
        ratio: The share of its units that was asked to go.
        units: How many units went.
        parameters: How many of the network's parameters went, or became zero.
        accuracy: What was left; None if nothing was cut or the cut failed.
        drop: The accuracy of the whole network less this one.
        note: Why there is no accuracy, if so.
    """

    layer: str
    ratio: float
    units: int = 0
    parameters: int = 0
    accuracy: float | None = None
    drop: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """The effect of cutting each layer of a network alone.

    Attributes:
        accuracy: The accuracy of the whole network, on the same data.
        parameters: How many parameters it has.
        sizes: How many units each prunable layer has.
        rows: Every layer at every ratio, in order.
    """

    accuracy: float
    parameters: int
    sizes: Mapping[str, int]
    rows: tuple[Row, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that have rows, in the network's order."""
        return tuple(dict.fromkeys(row.layer for row in self.rows))

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratios, rising."""
        return tuple(sorted({row.ratio for row in self.rows}))

    def records(self) -> list[dict[str, Any]]:
        """The rows as plain data, one mapping each, for tables and CSV files."""
        return [asdict(row) for row in self.rows]

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `from_json` makes an equal value."""
        return {**asdict(self), "rows": self.records()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sensitivity:
        """The value that `to_json` wrote."""
        return cls(**{**data, "rows": tuple(Row(**row) for row in data["rows"])})

    def write(self, folder: Path) -> None:
        """Write the table ``sensitivity.json`` into `folder`."""
        (folder / TABLE).write_text(json.dumps(self.to_json(), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Sensitivity:
        """The table that `write` left in `folder`."""
        return cls.from_json(json.loads((folder / TABLE).read_text(encoding="utf-8")))
