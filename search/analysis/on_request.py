"""Metrics that are measured on request only, of trials whose sweep did not ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from pipelines.meters import Measurement
from pipelines.meters.by_target import metric
from search.study.front import ParetoFront
from search.study.trial import Trial
from spaces import Recipe

OnRequest = Callable[[Recipe, Iterable[str]], Mapping[str, float]]
"""Measures such metrics of the file of a recipe: `pipelines.Evaluator.on_request`."""


def lacking(front: ParetoFront, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the metrics `names` that are measured on request only and that some member of `front` lacks."""
    asked = (name for name in dict.fromkeys(names) if metric(name).on_request)
    return tuple(name for name in asked if any(name not in trial.metrics for trial in front.members))


def with_requested(front: ParetoFront, names: Iterable[str], measure: OnRequest) -> ParetoFront:
    """The same `front`, whose members have the metrics `names`, too; its members are the same."""
    names = tuple(names)
    return replace(front, members=tuple(_with(trial, names, measure) for trial in front.members)) if names else front


def _with(trial: Trial, names: tuple[str, ...], measure: OnRequest) -> Trial:
    own = trial.measurement
    found = measure(trial.recipe, names)
    notes = {name: words for name, words in own.notes.items() if name not in found}
    return trial.measured(Measurement({**own.metrics, **found}, own.intervals, notes))
