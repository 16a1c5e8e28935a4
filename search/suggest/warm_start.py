"""A warm start: what an earlier sweep of the same task has found, for one that begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines import TaskIdentity
from pipelines.measurement import Measurement
from search.config.objective import Objective
from search.config.sweep_config import SweepConfig
from search.study.front import pareto_front
from search.study.proposal import Proposal
from search.study.saved import Sweep, load_sweep
from search.study.task_record import recorded_task
from search.study.trial import Trial
from search.study.workspace import Workspace
from spaces import Axis, InputError, SearchSpace, Value, counted, illegal

SETTINGS = ("training", "target", "search.seed")
"""What has to be equal, beside the task, for results to be those that this sweep would find."""

FRONT = 8
"""So many recipes of an earlier front are tried at most, from all along it."""


@dataclass(frozen=True)
class WarmStart:
    """The results of an earlier sweep that are about recipes of this one's space.

    Results of the same task, training, targets and seed are taken as they are: the sampler learns them, and does not
    suggest again what was tried. Others are priors: the sampler learns how they compare with the uncompressed teacher
    of their own sweep, and may suggest them again. None counts as a trial. In both cases what was on the front is tried
    first: stages that are in the store cost nothing again, and every number on this sweep's front is measured in it.

    Attributes:
        name: The earlier sweep.
        differs: What differs, in words; none if its results are taken as they are.
        trials: Its complete trials, without the uncompressed teacher, with their parameters in this sweep's space.
        front: Those of them that no other beats.
        baseline: Its uncompressed teacher.
    """

    name: str
    differs: tuple[str, ...]
    trials: tuple[Trial, ...]
    front: tuple[Trial, ...]
    baseline: Trial

    @classmethod
    def of(cls, sweep: Sweep, config: SweepConfig, *, same_task: bool) -> WarmStart | None:
        """The warm start that `sweep` gives to a sweep of `config`; None if it has nothing that this one can learn.

        Args:
            sweep: The earlier sweep.
            config: The sweep that begins.
            same_task: Whether their tasks are equal, not only of one name.
        """
        baseline, names = sweep.state.baseline, {objective.name for objective in config.objectives}
        if baseline is None or not names <= baseline.metrics.keys():
            return None
        found = [
            replace(trial, params=params)
            for trial in sweep.trials
            if trial.state == "complete" and trial.recipe.steps and names <= trial.metrics.keys()
            if (params := params_in(config.space, trial)) is not None
        ]
        if not found:
            return None
        front = pareto_front(found, config.objectives, config.constraints)
        theirs, ours = (_settings(each) for each in (sweep.config, config))
        differs = (*(() if same_task else ("task",)), *(name for name in SETTINGS if theirs[name] != ours[name]))
        return cls(sweep.config.sweep, differs, tuple(found), front.thinned(FRONT).members, baseline)

    @property
    def as_they_are(self) -> bool:
        """True if the results are those that this sweep would find."""
        return not self.differs

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """The recipes to try first."""
        return tuple(Proposal(trial.recipe, trial.params, "warm_start") for trial in self.front)

    def lessons(self, baseline: Trial, objectives: Sequence[Objective]) -> tuple[Trial, ...]:
        """The trials as the sampler learns them, beside trials that are compared with `baseline`.

        The numbers of a prior are moved to where they would be if they compared with `baseline` as they did with their
        own sweep's teacher. A number that is zero there is left as it is.
        """
        if self.as_they_are:
            return self.trials
        scale = {
            objective.name: baseline.metrics[objective.name] / self.baseline.metrics[objective.name]
            for objective in objectives
            if self.baseline.metrics[objective.name]
        }
        return tuple(
            trial.measured(Measurement({name: value * scale.get(name, 1.0) for name, value in trial.metrics.items()}))
            for trial in self.trials
        )

    @property
    def words(self) -> str:
        """The warm start in one line, for people."""
        kind = "as they are" if self.as_they_are else f"as priors (its {', '.join(self.differs)} differed)"
        count = counted(len(self.trials), "result")
        return f"warm start: {count} of sweep {self.name} {kind}; {len(self.front)} of its front are tried first"


def warm_starts(config: SweepConfig, workspace: Workspace, identity: TaskIdentity | None) -> tuple[WarmStart, ...]:
    """The warm starts that the sweep `config` asks for, without those of which nothing can be learned.

    Args:
        config: The sweep that begins.
        workspace: Where the earlier sweeps are kept.
        identity: Its task; None if its trials are not of one.

    Raises:
        InputError: an earlier sweep does not exist, or is of another task.
    """
    found = []
    for sweep in earlier_sweeps(config, workspace):
        recorded = recorded_task(workspace.sweep(sweep.config.sweep))
        same = recorded == (replace(identity, students={}) if identity else None) and sweep.config.task == config.task
        found.append(WarmStart.of(sweep, config, same_task=same))
    return tuple(filter(None, found))


def earlier_sweeps(config: SweepConfig, workspace: Workspace) -> tuple[Sweep, ...]:
    """The sweeps that ``search.warm_start`` names.

    Raises:
        InputError: one does not exist, or is of another task.
    """
    found, known = [], [name for name in workspace.sweeps() if name != config.sweep]
    for name in config.search.warm_start:
        if name not in known:
            raise InputError.at("search.warm_start", f"{illegal(name, known)} (other sweeps in {workspace.root})")
        sweep = load_sweep(name, workspace)
        if sweep.config.task.use != config.task.use:
            raise InputError.at(
                "search.warm_start",
                f"sweep {name!r} is of the task {sweep.config.task.use}, this one of {config.task.use}: nothing that "
                "was found for the one is known to hold for the other; name sweeps of the same task",
            )
        found.append(sweep)
    return tuple(found)


def params_in(space: SearchSpace, trial: Trial) -> dict[str, Value] | None:
    """The parameters with which `space` describes the recipe of `trial`; None if it does not have that recipe."""

    def known(axis: Axis) -> Value:
        value = trial.params[axis.name]
        return next(legal for legal in axis.values if legal == value and isinstance(legal, type(value)))

    try:
        params = space.propose(known)
    except (KeyError, StopIteration):
        return None
    fits = not space.broken(params) and space.recipe(params).digest == trial.recipe.digest
    return params if fits else None


def _settings(config: SweepConfig) -> dict[str, object]:
    return dict(zip(SETTINGS, (config.training, config.targets, config.search.seed), strict=True))
