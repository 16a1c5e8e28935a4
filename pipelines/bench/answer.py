"""The answer of the measuring process: a measurement, or why there is none."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pipelines.measurement import Measurement


@dataclass(frozen=True)
class Failure:
    """A measurement that could not be made.

    Attributes:
        reason: Why.
    """

    reason: str


Answer = Measurement | Failure


def to_line(answer: Answer) -> str:
    """`answer` as one line of JSON."""
    return json.dumps(asdict(answer))


def from_line(line: str) -> Answer:
    """The answer that `to_line` wrote.

    Raises:
        ValueError: `line` is no answer.
    """
    data = json.loads(line)
    if "reason" in data:
        return Failure(data["reason"])
    return Measurement.from_json(data)
