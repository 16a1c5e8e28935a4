"""What every meter offers: numbers taken from an exported file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pipelines.meters.measurement import Measurement
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
        parent: The same recipe without its last step, exported: what that step has to improve on. The teacher's own
            parent is the teacher.
        task: Gives the validation data.
        target: What the file has to run on.
        runtime: Executes it.
    """

    file: Path
    reference: Path
    parent: Path
    task: Task
    target: Target
    runtime: Runtime


class Meter(Protocol):
    """Takes some numbers from an exported file.

    Attributes:
        metrics: What it measures.
    """

    metrics: tuple[Metric, ...]

    def measure(self, subject: Subject) -> Measurement:
        """A number for each of `metrics`, and what goes with it.

        Raises:
            TrialFailed: the file does not run, or gives no usable number.
        """
