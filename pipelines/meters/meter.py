"""What every meter offers: numbers taken from an exported file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pipelines.runtimes import Runtime
from pipelines.settings import Target
from pipelines.task import Task

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """A number with a name.

    Attributes:
        name: Its name, unit included.
        direction: Which way is better.
        help: What it is, in one line.
    """

    name: str
    direction: Direction
    help: str


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        file: The exported file.
        reference: The exported, uncompressed teacher: ratios refer to it.
        task: Gives the validation data.
        target: What the file has to run on.
        runtime: Executes it.
    """

    file: Path
    reference: Path
    task: Task
    target: Target
    runtime: Runtime


class Meter(Protocol):
    """Takes some numbers from an exported file.

    Attributes:
        metrics: What it measures.
    """

    metrics: tuple[Metric, ...]

    def measure(self, subject: Subject) -> dict[str, float]:
        """A number for each of `metrics`.

        Raises:
            TrialFailed: the file does not run, or gives no usable number.
        """
