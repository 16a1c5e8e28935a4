"""Meters. A new one is a file here with a `Meter`, and its line in `METERS`."""

import math
from functools import reduce
from operator import or_

from pipelines.errors import TrialFailed
from pipelines.measurement import Interval, Measurement
from pipelines.meters.accuracy import Accuracy, mean_interval, split_scores
from pipelines.meters.complexity import Complexity
from pipelines.meters.energy import Energy
from pipelines.meters.gpu_memory import GpuMemory
from pipelines.meters.latency import Latency
from pipelines.meters.memory import Memory
from pipelines.meters.meter import Candidate, Direction, Meter, Metric
from pipelines.meters.score import Score, score_split
from pipelines.meters.size import Size
from pipelines.meters.throughput import Throughput

METERS: tuple[Meter, ...] = (
    Accuracy(),
    Latency(),
    Throughput(),
    Memory(),
    GpuMemory(),
    Energy(),
    Size(),
    Complexity(),
)

METRICS: dict[str, Metric] = {metric.name: metric for meter in METERS for metric in meter.metrics}
"""Everything that a trial measures, by name: the legal objectives and constraints."""


def measure_file(candidate: Candidate) -> Measurement:
    """Return the measurements of the meters that need not run the file on the target, as one.

    Raises:
        TrialFailed: a meter cannot measure.
    """
    return reduce(or_, (meter.measure(candidate) for meter in METERS if not meter.running), Measurement({}))


def measure_running(candidate: Candidate) -> Measurement:
    """Return the measurements of the meters that run the file on the target, as one.

    Raises:
        TrialFailed: a meter cannot measure.
    """
    return reduce(or_, (meter.measure(candidate) for meter in METERS if meter.running), Measurement({}))


def whole(measurement: Measurement) -> Measurement:
    """Return `measurement`, which has been put together from all meters.

    Raises:
        TrialFailed: a number is missing that is not optional, or it is not finite; nothing is told by halves.
    """
    for name, metric in METRICS.items():
        value = measurement.metrics.get(name)
        if not (metric.optional if value is None else math.isfinite(value)):
            raise TrialFailed(f"{name} was measured as {value}")
    return measurement


def measure_on_request(candidate: Candidate) -> Measurement:
    """Return those of the metrics that the candidate is asked for that are measured on request only, and no others.

    Raises:
        TrialFailed: a meter cannot measure.
    """
    names = {name for name in candidate.asked if METRICS[name].on_request}
    meters = (meter for meter in METERS if names & {metric.name for metric in meter.metrics})
    found = reduce(or_, (meter.measure(candidate) for meter in meters), Measurement({}))
    return Measurement({name: found.metrics[name] for name in sorted(names)})


__all__ = [
    "METERS",
    "METRICS",
    "Accuracy",
    "Candidate",
    "Complexity",
    "Direction",
    "Energy",
    "GpuMemory",
    "Interval",
    "Latency",
    "Measurement",
    "Memory",
    "Meter",
    "Metric",
    "Score",
    "Size",
    "Throughput",
    "mean_interval",
    "measure_file",
    "measure_on_request",
    "measure_running",
    "score_split",
    "split_scores",
    "whole",
]
