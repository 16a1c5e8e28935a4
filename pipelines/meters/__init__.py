"""What is measured. A new meter is a file here with a `Meter`, and its line in `METERS`."""

import math

from pipelines.errors import TrialFailed
from pipelines.meters.accuracy import Accuracy, accuracy
from pipelines.meters.latency import Latency
from pipelines.meters.meter import Direction, Meter, Metric, Subject
from pipelines.meters.size import Size

METERS: tuple[Meter, ...] = (Accuracy(), Latency(), Size())

METRICS: dict[str, Metric] = {metric.name: metric for meter in METERS for metric in meter.metrics}
"""Everything that a trial measures, by name: the legal objectives and constraints."""


def measure(subject: Subject) -> dict[str, float]:
    """Every number of every meter, by name.

    Raises:
        TrialFailed: a meter cannot measure, or a number is missing or not finite; nothing is told by halves.
    """
    metrics = {name: value for meter in METERS for name, value in meter.measure(subject).items()}
    for name in METRICS:
        if not math.isfinite(metrics.get(name, math.nan)):
            raise TrialFailed(f"{name} was measured as {metrics.get(name)}")
    return metrics


__all__ = [
    "METERS",
    "METRICS",
    "Accuracy",
    "Direction",
    "Latency",
    "Meter",
    "Metric",
    "Size",
    "Subject",
    "accuracy",
    "measure",
]
