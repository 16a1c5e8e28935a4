"""Metrics of a file on several targets: each under its name and the target's, and all together under its own alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pipelines.measurement import Interval, Measurement
from pipelines.meters import METRICS
from pipelines.meters.meter import Metric
from pipelines.runtimes.targets import AT, Targets, bare, target_of

T = TypeVar("T")


def metric(name: str) -> Metric:
    """The metric called `name`, whether that names a target or not.

    Raises:
        KeyError: there is none.
    """
    return METRICS[bare(name)]


def on(target: str, measurement: Measurement) -> Measurement:
    """`measurement`, taken on the target of this name, with the name behind that of each metric and note."""
    return _renamed(measurement, lambda name: f"{name}{AT}{target}" if target else name)


def of(target: str, measurement: Measurement) -> Measurement:
    """The part of a trial's `measurement` that was taken on the target of this name, without the name."""
    return _renamed(measurement, lambda name: bare(name) if target_of(name) == target else "")


def together(measurement: Measurement, targets: Targets) -> Measurement:
    """Add to a `measurement` what can be said of all `targets` at once, under names without a target.

    A metric is the worst of those on the targets, so that a bound on it holds on each; so are the ends of its interval.
    A note is that of all of them, if they are equal, and stands once then. What is not known of every target is left
    as it is.
    """
    if not targets.named:
        return measurement
    metrics, intervals, notes = dict(measurement.metrics), dict(measurement.intervals), dict(measurement.notes)
    for name, values in _of_all(measurement.metrics, targets).items():
        metrics[name] = _worst(name, values)
        ends = _of_all(measurement.intervals, targets).get(name)
        if ends:
            intervals[name] = (_worst(name, [low for low, _ in ends]), _worst(name, [high for _, high in ends]))
    for name, words in _of_all(measurement.notes, targets).items():
        if len(set(words)) == 1:
            notes = {each: text for each, text in notes.items() if bare(each) != name} | {name: words[0]}
    return Measurement(metrics, intervals, notes)


def _of_all(found: Mapping[str, T], targets: Targets) -> dict[str, list[T]]:
    """By the name without a target, what is `found` on each; without what is not known of all."""
    names = dict.fromkeys(bare(name) for name in found if target_of(name))
    on_all = {name: [found.get(f"{name}{AT}{target}") for target in targets.names] for name in names}
    return {
        name: [each for each in values if each is not None] for name, values in on_all.items() if None not in values
    }


def _worst(name: str, values: list[float]) -> float:
    return min(values) if METRICS[name].direction == "maximize" else max(values)


def _renamed(measurement: Measurement, new: Callable[[str], str]) -> Measurement:
    """`measurement` under other names; what would have none is left out."""

    def rename(found: Mapping[str, T]) -> dict[str, T]:
        return {renamed: value for name, value in found.items() if (renamed := new(name))}

    intervals: Mapping[str, Interval] = rename(measurement.intervals)
    return Measurement(rename(measurement.metrics), intervals, rename(measurement.notes))
