"""What is measured. A new meter is a file here with a `Meter`, and its line in `METERS`."""

import math
from functools import reduce
from operator import or_

from pipelines.errors import TrialFailed
from pipelines.meters.accuracy import Accuracy, accuracy, wilson
from pipelines.meters.latency import Latency
from pipelines.meters.measurement import Interval, Measurement
from pipelines.meters.meter import Direction, Meter, Metric, Subject
from pipelines.meters.score import Score, score_split
from pipelines.meters.size import Size

METERS: tuple[Meter, ...] = (Accuracy(), Latency(), Size())

METRICS: dict[str, Metric] = {metric.name: metric for meter in METERS for metric in meter.metrics}
"""Everything that a trial measures, by name: the legal objectives and constraints."""


def measure(subject: Subject) -> Measurement:
    """What every meter finds out.

    Raises:
        TrialFailed: a meter cannot measure, or a number is missing or not finite; nothing is told by halves.
    """
    measurement = reduce(or_, (meter.measure(subject) for meter in METERS))
    for name in METRICS:
        if not math.isfinite(measurement.metrics.get(name, math.nan)):
            raise TrialFailed(f"{name} was measured as {measurement.metrics.get(name)}")
    return measurement


__all__ = [
    "METERS",
    "METRICS",
    "Accuracy",
    "Direction",
    "Interval",
    "Latency",
    "Measurement",
    "Meter",
    "Metric",
    "Score",
    "Size",
    "Subject",
    "accuracy",
    "measure",
    "score_split",
    "wilson",
]
