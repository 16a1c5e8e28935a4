"""A rung: what a trial had reached with a fidelity of its trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.meters import Interval


@dataclass(frozen=True)
class Rung:
    """The numbers of a trial whose trainings had run in part. It says how the trial may end, not how it has ended.

    Attributes:
        fidelity: How much of their epochs its trainings had run.
        metrics: Every number, by name.
        intervals: 95 % confidence intervals of the metrics for which they are known.
    """

    fidelity: float
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The rung as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rung:
        """The rung that `to_json` wrote."""
        intervals = {name: (low, high) for name, (low, high) in data["intervals"].items()}
        return cls(data["fidelity"], data["metrics"], intervals)
