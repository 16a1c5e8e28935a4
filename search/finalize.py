"""What ends ``paredown run``: the front is measured again, and MLflow is told how sure it is."""

from __future__ import annotations

from rich.console import Console

from pipelines import Target
from search.analysis.before_after import compare, comparison_annotation
from search.analysis.post_hoc import Evidence
from search.analysis.remeasurement import Campaign
from search.analysis.remeasuring import Told, affordable_passes, remeasure, subjects
from search.study.saved import Sweep, stored_evaluator
from search.study.trial import Evaluate, Trial
from search.study.workspace import Workspace
from search.tracking.annotation import Annotation, annotate


def settle(sweep: Sweep, workspace: Workspace, console: Console, evaluate: Evaluate | None = None) -> Evidence:
    """Measure the front of an ended sweep again, unless that was done since its last trial or is not wanted.

    Returns:
        What is known of the sweep now.
    """
    folder = workspace.sweep(sweep.config.sweep)
    evidence, added = Evidence.of(sweep, folder), Annotation()
    if sweep.config.search.remeasure and not _is_settled(sweep, evidence.campaign):
        trials = subjects(sweep, evidence.near)
        console.print(f"measuring {len(trials)} files of the front, near it and the baseline again, side by side")
        work, passes = evaluate or stored_evaluator(sweep, workspace), affordable_passes(trials, sweep)
        campaign = remeasure(trials, work, sweep.config.target, passes=passes)
        campaign.write(folder.measurements)
        evidence = Evidence.of(sweep, folder)
        added = comparison_annotation(sweep, compare(sweep, campaign))
    if sweep.tracking_problem is None:
        report(annotate(sweep, workspace, evidence, added), console)
    return evidence


def report(problem: str | None, console: Console) -> None:
    """Say that MLflow could not be told, if so."""
    if problem:
        advice = "what was found out is kept beside the study"
        console.print(f"MLflow is not up to date ({problem}); {advice}", markup=False, soft_wrap=True)


def counting(console: Console, target: Target) -> Told:
    """Prints each measurement before it begins."""

    def told(done: int, total: int, trial: Trial) -> None:
        line = f"[{done + 1}/{total}] {target.runtime}: trial {trial.number} {trial.label}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    return told


def _is_settled(sweep: Sweep, campaign: Campaign | None) -> bool:
    """Whether the front was measured again after its last member had ended."""
    if campaign is None:
        return False
    measured = {result.number for result in campaign.results}
    ended = max((trial.result.finished for trial in sweep.trials if trial.result), default=0.0)
    return campaign.started >= ended and all(trial.number in measured for trial in sweep.standing.front.members)
