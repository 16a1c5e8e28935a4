"""Measurements: numbers, their intervals, and notes on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Interval = tuple[float, float]
"""The ends of a 95 % confidence interval, in the metric's unit."""


@dataclass(frozen=True)
class Measurement:
    """The numbers that one meter, or all of them, took from a file.

    Attributes:
        metrics: Numbers by the metric's name.
        intervals: For the metrics for which it is known, the 95 % confidence interval.
        notes: What goes with the numbers in words, by name: under what conditions they were taken, what is odd.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: Measurement) -> Measurement:
        return Measurement(
            {**self.metrics, **other.metrics},
            {**self.intervals, **other.intervals},
            {**self.notes, **other.notes},
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurement:
        """The measurement that `dataclasses.asdict` made plain data of: JSON has lists where intervals are pairs."""
        intervals = {name: (low, high) for name, (low, high) in data["intervals"].items()}
        return cls(data["metrics"], intervals, data["notes"])
