"""A sweep as it stands: read back from the workspace, or just ended."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines import Evaluator
from search.config import SweepConfig, load_config
from search.objective import lower_bound
from search.standing import Standing
from search.study import read_trials
from search.trial import Trial
from search.workspace import Workspace


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


def load_sweep(name: str, workspace: Workspace | None = None) -> Sweep:
    """The sweep called `name` as it stands now; a driver may be at work on it.

    Raises:
        InputError: there is no such sweep.
    """
    folder = (workspace or Workspace.default()).existing(name)
    config = load_config(folder.config)
    trials = read_trials(folder)
    return Sweep(config, tuple(trials), Standing.of(trials, config))


def sweep_evaluator(config: SweepConfig, workspace: Workspace) -> Evaluator:
    """What a worker does for `config`: small enough to be sent to it."""
    return Evaluator(
        use=config.task.use,
        args=config.task.args,
        training=config.training,
        target=config.target,
        seed=config.search.seed,
        store=workspace.store,
        device=None if config.cluster.gpus_per_trial else "cpu",
        accuracy_floor=lower_bound(config.constraints, "accuracy"),
        required=config.optional_metrics,
    )
