"""A rung: what a trial had reached with a fidelity of its trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.measurement import Measurement
from search.study.earlier_format import todays_rung


@dataclass(frozen=True)
class Rung:
    """The numbers of a trial whose trainings had run in part. It says how the trial may end, not how it has ended.

    Attributes:
        fidelity: How much of their epochs its trainings had run.
        measurement: What every meter found out about the file of the unfinished network.
    """

    fidelity: float
    measurement: Measurement

    def to_json(self) -> dict[str, Any]:
        """The rung as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rung:
        """The rung that `to_json` wrote, of this version or an earlier one."""
        data = todays_rung(data)
        return cls(data["fidelity"], Measurement.from_json(data["measurement"]))
