"""The end of ``paredown run``: the front is measured again, and MLflow is told how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from pipelines import Evaluator, Targets, device_problem
from search.analysis.before_after import compare
from search.analysis.post_hoc import PostHoc
from search.analysis.remeasurement import Remeasurement
from search.analysis.remeasuring import PASSES, OnProgress, bounded_s, remeasure, subjects
from search.config.budget import duration
from search.errors import SweepError
from search.execution.ray_executor import RayExecutor
from search.execution.work import Evaluate
from search.study.saved import Sweep, stored_evaluator
from search.study.trial import Trial
from search.study.workspace import Workspace
from search.tracking.annotation import Annotation, annotate, before_after_annotation
from spaces import InputError, counted

MOST_REASONS = 8
"""So many reasons of failed trials are told at once."""


def finalize(sweep: Sweep, workspace: Workspace, console: Console, evaluate: Evaluate | None = None) -> PostHoc:
    """Measure the front of an ended sweep again, unless that was done since its last trial or is not wanted.

    Returns:
        What is known of the sweep now.
    """
    folder = workspace.sweep(sweep.config.sweep)
    post_hoc, added = PostHoc.of(sweep, folder), Annotation()
    wanted = sweep.config.search.remeasure and not _is_finalized(sweep, post_hoc.remeasurement)
    if wanted and (work := evaluate or _evaluator(sweep, workspace, console)):
        with RayExecutor(sweep.config.cluster, folder.ray).measuring(work) as there:
            remeasurement = _measure_again(sweep, subjects(sweep, post_hoc.near), work, there, console)
        remeasurement.write(folder.measurements)
        post_hoc = PostHoc.of(sweep, folder)
        added = before_after_annotation(sweep, compare(sweep, remeasurement))
    if sweep.tracking_problem is None:
        report(annotate(sweep, workspace, post_hoc, added), console)
    return post_hoc


def _measure_again(
    sweep: Sweep, trials: Sequence[Trial], work: Evaluate, measure: Evaluate, console: Console
) -> Remeasurement:
    """Measure `trials` again for a share of the search's time, the front and the baseline first; say what is left.

    Args:
        sweep: Whose trials they are.
        trials: What is to be measured.
        work: Knows their files.
        measure: Measures them where they are to run.
        console: Is told.
    """
    there, limit_s = [trial for trial in trials if _is_built(trial, work)], bounded_s(sweep)
    console.print(
        f"measuring {counted(len(there), 'file')} of the front, near it and the baseline again, side by side, "
        f"up to {PASSES} times each, for {duration(limit_s)} at most",
        soft_wrap=True,
    )
    first = {trial.number for trial in subjects(sweep, ())}
    remeasurement = remeasure(there, measure, sweep.config.targets, limit_s=limit_s, first=first)
    left = {
        "no longer in the store": len(trials) - len(there),
        "left out for want of time": len(there) - len(remeasurement.results),
    }
    for why, count in left.items():
        if count:
            advice = f"to measure all: paredown measure {sweep.config.sweep}"
            console.print(f"{why}: {count} of {counted(len(trials), 'file')}; {advice}", soft_wrap=True)
    return remeasurement


def _evaluator(sweep: Sweep, workspace: Workspace, console: Console) -> Evaluate | None:
    """Return what measures the front again, or None, with a remark, if the task has changed or the device is absent."""
    try:
        # Without a GPU: nothing is trained, and others may use it meanwhile.
        evaluator = replace(stored_evaluator(sweep, workspace), device="cpu")
    except InputError as error:
        console.print(f"the front is not measured again: {error}", markup=False, soft_wrap=True)
        return None
    problems = (device_problem(target) for _, target in sweep.config.targets)
    if problem := next(filter(None, problems), None):
        advice = f"on a machine with such a device: paredown measure {sweep.config.sweep}"
        console.print(f"the front is not measured again here: {problem}; {advice}", markup=False, soft_wrap=True)
        return None
    return evaluator


def _is_built(trial: Trial, evaluate: Evaluate) -> bool:
    """Return True if the trial's file need not be built again, which nobody asked for."""
    return not isinstance(evaluate, Evaluator) or evaluate.is_built(trial.recipe)


def check_complete(sweep: Sweep) -> None:
    """See whether any trial has given a result.

    Raises:
        SweepError: none has, with the distinct reasons and how often each was given.
    """
    if sweep.state.complete:
        return
    reasons: dict[str, list[int]] = {}
    for trial in sweep.trials:
        if trial.failure:
            reasons.setdefault(trial.failure.reason, []).append(trial.number)
    often = sorted(reasons.items(), key=lambda item: len(item[1]), reverse=True)
    lines = [f"  {len(numbers)}x (trial {numbers[0]}): {reason}" for reason, numbers in often[:MOST_REASONS]]
    if len(often) > MOST_REASONS:
        rest = len(often) - MOST_REASONS
        lines.append(f"  and {counted(rest, 'other reason')}; see them: paredown status {sweep.config.sweep}")
    stopped = f", {sweep.state.stopped} stopped early" if sweep.state.stopped else ""
    raise SweepError("\n".join([f"no trial has completed: {sweep.state.failed} failed{stopped}:", *lines]))


def report(problem: str | None, console: Console) -> None:
    """Say that MLflow could not be brought up to date, if so."""
    if problem:
        advice = "what was found out is kept beside the study"
        console.print(f"MLflow is not up to date ({problem}); {advice}", markup=False, soft_wrap=True)


def counting(console: Console, targets: Targets) -> OnProgress:
    """Prints each measurement before it begins."""
    runtimes = ", ".join(dict.fromkeys(target.runtime for _, target in targets))

    def on_progress(done: int, total: int, trial: Trial) -> None:
        line = f"[{done + 1}/{total}] {runtimes}: trial {trial.number} {trial.label}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    return on_progress


def _is_finalized(sweep: Sweep, remeasurement: Remeasurement | None) -> bool:
    """Return True if the front was measured again, as far as there was time, after its last member had ended."""
    ended = max((trial.result.finished for trial in sweep.trials if trial.result), default=0.0)
    return remeasurement is not None and remeasurement.started >= ended
