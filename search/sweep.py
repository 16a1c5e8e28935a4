"""A sweep from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from pipelines import Evaluator, Task
from pipelines.redaction import plain
from pipelines.whole_file import write_private, write_text
from search.config.sweep_config import SweepConfig, load_config, secret_file
from search.config.yaml_file import write_yaml
from search.errors import SweepError
from search.execution.executor import Executor
from search.execution.ray_executor import RayExecutor
from search.execution.work import Evaluate
from search.notifier import Notifier
from search.planning.timings import stages_like
from search.store_gc import StoreGC
from search.study.saved import Sweep, sweep_evaluator
from search.study.study import RESTORE, Study, check_journal, read_trials
from search.study.task_record import keep_task
from search.study.workspace import SweepFolder, Workspace
from search.suggest.costs import Costs
from search.suggest.in_flight import InFlight
from search.suggest.queue import Observer, StudyQueue
from search.suggest.stage_limits import StageLimits
from search.suggest.warm_start import warm_starts
from search.tracking.tracker import Tracker
from spaces import InputError, Problem


def run_sweep(
    config: SweepConfig,
    workspace: Workspace,
    *,
    fresh: bool = False,
    executor: Executor | None = None,
    evaluate: Evaluate | None = None,
    observers: Callable[[Study], Sequence[Observer]] = lambda study: (),
    tell: Callable[[str], None] = lambda words: None,
) -> Sweep:
    """Run the sweep `config`, or go on where it stopped.

    Args:
        config: What to search.
        workspace: Where state is kept.
        fresh: Put an earlier sweep of this name aside and start anew.
        executor: Who runs the trials; Ray Tune, when None.
        evaluate: What a worker does with a recipe; the pipeline, when None.
        observers: Given the opened study, those who are told of every trial.
        tell: Called with what a person should know of the beginning.

    Raises:
        InputError: a sweep of this name exists that asked for something else, or whose task was another.
        SweepError: the sweep is running already, its journal is lost or damaged, or trials cannot be run at all.
    """
    folder = workspace.sweep(config.sweep)
    if fresh:
        with folder.lock():
            folder.set_aside()
    with folder.lock():
        _check_resumable(config, folder)
        evaluate = evaluate or keep_task(sweep_evaluator(config, workspace), config.space, folder)
        warm = warm_starts(config, workspace, evaluate.identity if isinstance(evaluate, Evaluator) else None)
        for each in warm:
            tell(each.words)
        study = Study(config, folder)
        _keep_config(config, folder)
        study.collect()
        with (
            closing(
                executor or RayExecutor(config.cluster, folder.ray, nodes=folder.nodes, log=folder.ray_log)
            ) as runner,
            Tracker(config, workspace, study.id, study.trials, study.state) as tracker,
            StoreGC(config, workspace, study.state) as store_gc,
            Notifier(config, study.state) as notifier,
        ):
            limits = _stage_limits(config, evaluate)
            queue = StudyQueue(study, [tracker, store_gc, notifier, *observers(study)], *_known(evaluate), warm, limits)
            if not queue.exhausted:
                runner.run(queue, evaluate, folder.results)
            tracker.close("FINISHED" if study.state.complete else "FAILED")
        return Sweep(config, tuple(study.trials), study.state, tracker.problem)


def _known(evaluate: Evaluate) -> tuple[InFlight | None, Task | None]:
    """The stages that recipes share, and their task; None, if `evaluate` is another function than the pipeline."""
    if not isinstance(evaluate, Evaluator):
        return None, None
    return InFlight(evaluate.chain, evaluate.store.has, Costs()), evaluate.task


def _keep_config(config: SweepConfig, folder: SweepFolder) -> None:
    """Keep the sweep's file beside the study; with its secrets, which later commands need, for its owner alone."""
    if config.has_secrets:
        write_private(secret_file(folder.config), write_yaml(plain(config.raw)))
    else:
        secret_file(folder.config).unlink(missing_ok=True)
    write_text(folder.config, config.dump())


def _stage_limits(config: SweepConfig, evaluate: Evaluate) -> StageLimits:
    """How long stages may take, if the sweep asks for limits."""
    times = config.cluster.stage_timeout
    if times is None or not isinstance(evaluate, Evaluator):
        return StageLimits()
    return StageLimits(times, stages_like(config, evaluate))


def _check_resumable(config: SweepConfig, folder: SweepFolder) -> None:
    """See whether the study in `folder`, if there is one, is of the same search and whole."""
    if not folder.config.exists() and folder.journal.exists():
        if read_trials(folder):
            raise SweepError(f"{folder.config} is missing: nobody knows what its trials looked for; {RESTORE}")
        folder.journal.unlink()  # the sweep ended while it began, and may have been another search
    if folder.config.exists():
        changed = config.differences(load_config(folder.config))
        if changed:
            advice = (
                f"differs from the existing sweep {folder.name!r}, so that their trials could not be compared; "
                "give it another name (-o sweep=NAME), or start anew with --fresh (the old one is kept aside)"
            )
            raise InputError(Problem(part, advice) for part in changed)
    check_journal(folder)
