"""Measuring a sweep's files again, side by side: the same conditions for all, which the search could not give."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from pipelines import Target
from pipelines.meters import Interval, Measurement
from search.analysis.remeasurement import Remeasurement
from search.execution.work import Evaluate, run_trial
from search.study.outcome import Complete
from search.study.saved import Sweep
from search.study.trial import Result, Trial

PASSES = 3
"""How often each file is measured. What a session's memory happens to look like, and what the machine does meanwhile,
differs from one pass to the next, which the interval of one measurement does not know."""

CHEAP_S, SHARE = 60.0, 0.1
"""What measuring `PASSES` times may cost after a search unless it is asked for: seconds, or a share of the search's."""

OnProgress = Callable[[int, int, Trial], None]
"""Notified of each measurement before it begins: how many are done, of how many, and whose turn it is."""


def remeasure(
    trials: Sequence[Trial],
    evaluate: Evaluate,
    target: Target,
    on_progress: OnProgress = lambda done, total, trial: None,
    passes: int = PASSES,
) -> Remeasurement:
    """Measure the files of `trials`, each once in each pass, in a new random order in each.

    Args:
        trials: Complete trials.
        evaluate: Measures a recipe's file for `target`, and need not build it.
        target: What it measures for.
        on_progress: Notified of each measurement.
        passes: How often each is measured.

    Returns:
        For each trial the medians over the passes, with intervals that hold every pass's.
    """
    started = time.time()
    found: dict[int, list[Result]] = {trial.number: [] for trial in trials}
    order, turns = random.Random(started), 0
    for _ in range(passes):
        for trial in order.sample(trials, len(trials)):
            on_progress(turns, passes * len(trials), trial)
            found[trial.number].append(run_trial(trial.number, trial.recipe, evaluate))
            turns += 1
    return Remeasurement.here(target, [combine(results) for results in found.values()], started, time.time())


def affordable_passes(trials: Sequence[Trial], sweep: Sweep) -> int:
    """The number of times that `trials` are measured unasked after `sweep`: `PASSES`, or once where that takes long."""
    estimate_s = PASSES * sum(map(_measuring_s, trials))
    search_s = sum(trial.result.worked_s for trial in sweep.trials if trial.result)
    return PASSES if estimate_s <= max(CHEAP_S, SHARE * search_s) else 1


def _measuring_s(trial: Trial) -> float:
    """The seconds of a trial that its stages did not take."""
    if trial.result is None:
        return 0.0
    building_s = sum(stage.seconds for stage in trial.result.stages if not stage.reused)
    return max(0.0, trial.result.finished - trial.result.started - building_s)


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
