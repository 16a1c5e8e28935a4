"""Measuring a sweep's files again, side by side: the same conditions for all, which the search could not give."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from statistics import median

from pipelines import Targets
from pipelines.meters import Interval, Measurement
from search.analysis.remeasurement import Remeasurement
from search.execution.work import Evaluate, run_trial
from search.study.outcome import Complete
from search.study.saved import Sweep
from search.study.trial import Result, Trial
from search.suggest.budget_tracker import BudgetTracker

PASSES = 3
"""How often each file is measured. What a session's memory happens to look like, and what the machine does meanwhile,
differs from one pass to the next, which the interval of one measurement does not know."""

CHEAP_S, SHARE = 60.0, 0.1
"""What measuring again may take after a search unless it is asked for: seconds, or a share of the search's if more."""

OnProgress = Callable[[int, int, Trial], None]
"""Notified of each measurement before it begins: how many are done, of how many, and whose turn it is."""


def remeasure(
    trials: Sequence[Trial],
    evaluate: Evaluate,
    targets: Targets,
    on_progress: OnProgress = lambda done, total, trial: None,
    limit_s: float = math.inf,
    first: Collection[int] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Remeasurement:
    """Measure the files of `trials`, each once in each of `PASSES` passes, in a new random order in each.

    Args:
        trials: Complete trials.
        evaluate: Measures a recipe's files for `targets`, and need not build them.
        targets: What it measures for.
        on_progress: Notified of each measurement.
        limit_s: After so many seconds no further measurement is begun.
        first: The numbers of the trials that come before the others in each pass, as time may not be enough for all.
        clock: Seconds.

    Returns:
        For each trial that was measured the medians over its passes, with intervals that hold every pass's.
    """
    started, began = time.time(), clock()
    found: dict[int, list[Result]] = {trial.number: [] for trial in trials}
    order = random.Random(started)
    turns = [
        trial
        for _ in range(PASSES)
        for trial in sorted(order.sample(trials, len(trials)), key=lambda trial: trial.number not in first)
    ]
    for done, trial in enumerate(turns):
        if clock() - began >= limit_s:
            break
        on_progress(done, len(turns), trial)
        found[trial.number].append(run_trial(trial.number, trial.recipe, evaluate))
    results = [combine(results) for results in found.values() if results]
    return Remeasurement.here(targets, results, started, time.time())


def bounded_s(sweep: Sweep) -> float:
    """The seconds that measuring again may take unasked after `sweep`: `SHARE` of the search's, or `CHEAP_S`."""
    return max(CHEAP_S, SHARE * BudgetTracker(sweep.config, sweep.trials).wall_s)


def combine(results: Sequence[Result]) -> Result:
    """One result of several of the same file: failed if one has failed, else medians and enveloping intervals."""
    first, last = results[0], results[-1]
    complete = [result.outcome for result in results if isinstance(result.outcome, Complete)]
    if len(complete) < len(results):
        failed = next(result for result in results if not isinstance(result.outcome, Complete))
        return replace(failed, started=first.started, finished=last.finished)
    measurement = _typical([outcome.measurement for outcome in complete])
    return replace(first, finished=last.finished, outcome=replace(complete[0], measurement=measurement))


def _typical(measurements: Sequence[Measurement]) -> Measurement:
    """Medians, intervals that hold every measurement's, and all that was noted."""
    first = measurements[0]
    notes = {
        name: "; ".join(dict.fromkeys(each.notes[name] for each in measurements if name in each.notes))
        for name in dict.fromkeys(name for each in measurements for name in each.notes)
    }
    return Measurement(
        {name: median(each.metrics[name] for each in measurements) for name in first.metrics},
        {name: _envelope(name, measurements) for name in first.intervals},
        notes,
    )


def _envelope(name: str, measurements: Sequence[Measurement]) -> Interval:
    values = [each.metrics[name] for each in measurements if name in each.metrics]
    values += [end for each in measurements for end in each.intervals.get(name, ())]
    return min(values), max(values)


def subjects(sweep: Sweep, near: Sequence[Trial], *, everything: bool = False) -> list[Trial]:
    """The trials worth measuring again: the front, those near it, and the baseline; or all that is complete."""
    complete = [trial for trial in sweep.trials if trial.state == "complete"]
    wanted = {trial.number for trial in (*sweep.state.front.members, *near)}
    if sweep.state.baseline:
        wanted.add(sweep.state.baseline.number)
    return [trial for trial in complete if everything or trial.number in wanted]
