"""A sweep as it stands: read back from the workspace, or just ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipelines import Evaluator, StageRun, Store, format_of
from pipelines.pipeline import parent_stages
from search.config.objective import lower_bound
from search.config.sweep_config import SweepConfig, load_config
from search.study.state import SweepState
from search.study.study import read_trials
from search.study.task_record import same_task
from search.study.trial import Trial
from search.study.workspace import Workspace


@dataclass(frozen=True)
class Sweep:
    """A sweep when it has ended, or was read back.

    Attributes:
        config: What was asked for.
        trials: All trials, by number.
        state: What came of them.
        tracking_problem: Why MLflow could not be brought up to date, if so.
    """

    config: SweepConfig
    trials: tuple[Trial, ...]
    state: SweepState
    tracking_problem: str | None = None


def load_sweep(name: str, workspace: Workspace | None = None) -> Sweep:
    """The sweep called `name` as it stands now; a driver may be at work on it.

    Raises:
        InputError: there is no such sweep.
    """
    folder = (workspace or Workspace.default()).existing(name)
    config = load_config(folder.config)
    trials = read_trials(folder)
    return Sweep(config, tuple(trials), SweepState.of(trials, config))


def open_store(config: SweepConfig, workspace: Workspace) -> Store:
    """Open the store of `config`'s stages: in the workspace's folder, and behind the sweep's URL."""
    url = config.store.url
    return Store(workspace.store, url, f"{config.sweep}@{workspace.identity()}") if url else Store(workspace.store)


def sweep_evaluator(config: SweepConfig, workspace: Workspace) -> Evaluator:
    """The function by which a worker evaluates recipes of `config`: small enough to be sent to it."""
    return Evaluator(
        use=config.task.use,
        args=config.task.args,
        training=config.training,
        targets=config.targets,
        seed=config.search.seed,
        store=open_store(config, workspace),
        device=None if config.cluster.gpus_per_trial else "cpu",
        accuracy_floor=lower_bound(config.constraints, "accuracy"),
        required=config.optional_metrics,
        processes=max(1, int(config.cluster.gpus_per_trial)),
        exclude=config.exclude,
    )


def stored_evaluator(sweep: Sweep, workspace: Workspace) -> Evaluator:
    """The same for after the search: the files of `sweep` are taken from the store as they are, not built again.

    Raises:
        InputError: the task has changed since the sweep was begun.
    """
    evaluator = same_task(sweep_evaluator(sweep.config, workspace), workspace.sweep(sweep.config.sweep))
    return replace(
        evaluator, stored=_stored(sweep.trials), stored_as=format_of(sweep.config.targets.first.runtime).name
    )


def _stored(trials: Iterable[Trial]) -> Mapping[str, tuple[StageRun, ...]]:
    """The stages of each recipe whose file was made, by the recipe's digest."""
    made = {
        trial.recipe.digest: (trial, trial.result.stages)
        for trial in trials
        if trial.result and trial.state == "complete"
    }
    stored = {digest: stages for digest, (_, stages) in made.items()}
    for trial, stages in made.values():
        if led := parent_stages(trial.recipe, stages):
            stored.setdefault(trial.recipe.parent().digest, led)
    return stored
