"""Results in short, for tests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.meters import Interval, Measurement
from search.study.outcome import Complete
from search.study.trial import Result, Trial


def complete(
    number: int,
    started: float,
    finished: float,
    metrics: Mapping[str, float],
    intervals: Mapping[str, Interval] | None = None,
    notes: Mapping[str, str] | None = None,
    **rest: Any,
) -> Result:
    """The result of a trial that is complete."""
    return Result(number, started, finished, Complete(Measurement(metrics, intervals or {}, notes or {}), "m"), **rest)


def measured(trial: Trial, **changes: Any) -> Trial:
    """The complete `trial` with parts of its measurement replaced: ``metrics``, ``intervals`` or ``notes``."""
    return trial.measured(replace(trial.measurement, **changes))


def stored_as(trial: Trial, model: str) -> Trial:
    """The complete `trial` with another key of its file in the store."""
    return trial.finish(replace(trial.result, outcome=replace(trial.outcome, model=model)))
