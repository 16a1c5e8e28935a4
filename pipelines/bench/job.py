"""What the meter's process is told, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """What to measure.

    Attributes:
        file: The exported file.
        reference: What `latency_ratio` refers to.
        parent: What `latency_vs_parent` refers to.
        feed: An ``.npz`` file with the inputs of one call by name.
        runtime: Executes the files; a name in `pipelines.runtimes.RUNTIMES`.
        threads: Threads of one call.
        batch: Inputs in one call, to be told with the numbers.
        budget_s: How long to go on for a narrower interval, beyond the first rounds.
        powercap: Where the kernel shows energy counters.
    """

    file: Path
    reference: Path
    parent: Path
    feed: Path
    runtime: str
    threads: int
    batch: int
    budget_s: float = 1.5
    powercap: Path = Path("/sys/class/powercap")

    @property
    def files(self) -> tuple[Path, ...]:
        """The distinct files, the exported one first."""
        return tuple(dict.fromkeys((self.file, self.reference, self.parent)))

    def dumps(self) -> str:
        """The job as JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def loads(cls, text: str) -> Job:
        """The job that `dumps` wrote."""
        data = json.loads(text)
        paths = {name: Path(data[name]) for name in ("file", "reference", "parent", "feed", "powercap")}
        return cls(**{**data, **paths})


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        metrics: Numbers by the metric's name.
        intervals: The ends of 95 % confidence intervals, by the metric's name.
        notes: What goes with the numbers in words.
        failed: Why nothing was found; empty if something was.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    failed: str = ""

    def __or__(self, other: Report) -> Report:
        return Report(
            {**self.metrics, **other.metrics},
            {**self.intervals, **other.intervals},
            {**self.notes, **other.notes},
            self.failed or other.failed,
        )

    def dumps(self) -> str:
        """The report as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Report:
        """The report that `dumps` wrote.

        Raises:
            ValueError: `text` is no report.
        """
        data = json.loads(text)
        intervals = {name: (low, high) for name, (low, high) in data["intervals"].items()}
        return cls(data["metrics"], intervals, data["notes"], data["failed"])
