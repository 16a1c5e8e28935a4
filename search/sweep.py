"""A sweep from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines import Evaluator
from search.config import SweepConfig, load_config
from search.executor import Executor
from search.ray_executor import RayExecutor
from search.source import Observer, TrialSource
from search.standing import Standing
from search.study import Study
from search.tracker import Tracker
from search.trial import Evaluate, Trial
from search.workspace import SweepFolder, Workspace
from spaces import InputError, Problem


@dataclass(frozen=True)
class Sweep:
    """A sweep when it has ended, or was read back.

    Attributes:
        config: What was asked for.
        trials: All trials, by number.
        standing: What came of them.
        tracking_problem: Why MLflow could not be brought up to date, if so.
    """

    config: SweepConfig
    trials: tuple[Trial, ...]
    standing: Standing
    tracking_problem: str | None = None


def run_sweep(
    config: SweepConfig,
    workspace: Workspace,
    *,
    fresh: bool = False,
    executor: Executor | None = None,
    evaluate: Evaluate | None = None,
    observers: Callable[[Study], Sequence[Observer]] = lambda study: (),
) -> Sweep:
    """Run the sweep `config`, or go on where it stopped.

    Args:
        config: What to search.
        workspace: Where state is kept.
        fresh: Put an earlier sweep of this name aside and start anew.
        executor: Who runs the trials; Ray Tune, when None.
        evaluate: What a worker does with a recipe; the pipeline, when None.
        observers: Given the opened study, those who are told of every trial.

    Raises:
        InputError: a sweep of this name exists that asked for something else.
        SweepError: the sweep is running already, or trials cannot be run at all.
    """
    folder = workspace.sweep(config.sweep)
    if fresh:
        with folder.lock():
            folder.set_aside()
    with folder.lock():
        _remember(config, folder)
        study = Study(config, folder)
        study.collect()
        with Tracker(config, workspace, study.id, study.trials, study.standing) as tracker:
            source = TrialSource(study, [tracker, *observers(study)])
            runner = executor or RayExecutor(config.cluster, folder.ray)
            if not source.exhausted:
                runner.run(source, evaluate or evaluator(config, workspace), folder.results)
            tracker.close("FINISHED" if study.standing.complete else "FAILED")
        return Sweep(config, tuple(study.trials), study.standing, tracker.problem)


def evaluator(config: SweepConfig, workspace: Workspace) -> Evaluator:
    """What a worker does for `config`: small enough to be sent to it."""
    return Evaluator(
        use=config.task.use,
        args=config.task.args,
        training=config.training,
        target=config.target,
        seed=config.search.seed,
        store=workspace.store,
        device=None if config.cluster.gpus_per_trial else "cpu",
    )


def _remember(config: SweepConfig, folder: SweepFolder) -> None:
    """Keep the configuration beside the study, unless the study there is of another search."""
    if folder.config.exists():
        changed = config.differences(load_config(folder.config))
        if changed:
            advice = (
                f"differs from the sweep {folder.name!r} that exists, whose trials could not be compared with new ones; "
                "give it another name (-o sweep=NAME), or start anew with --fresh (the old one is kept aside)"
            )
            raise InputError(Problem(part, advice) for part in changed)
    draft = folder.config.with_suffix(".draft")
    draft.write_text(config.dump(), encoding="utf-8")
    draft.replace(folder.config)
