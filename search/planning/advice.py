"""Advice on what is legal in a sweep, and yet most likely not meant."""

from __future__ import annotations

from pipelines import Task
from pipelines.meters.by_target import metric
from pipelines.runtimes import bare, target_of
from pipelines.tasks.hooks import HOOKS, OwnFit, misspelt
from search.config.sweep_config import SweepConfig
from spaces import listed


def warnings(config: SweepConfig, task: Task) -> list[str]:
    """Tell in words, for the sweep `config` of `task`, what is in vain or cannot be measured here.

    That is methods named almost like a hook, rungs that a loop of the task's own begins anew, techniques whose benefit
    no objective sees, values that no recipe has, bounds that no trial can keep, metrics that this machine lacks, and
    what came out when the task was tried.
    """
    found = [
        *_misnamed(task),
        *_begun_anew(config, task),
        *_unseen(config),
        *_unused(config),
        *_unreachable(config, task),
        *_absent(config),
    ]
    return [*found, *config.warnings]


def _misnamed(task: Task) -> list[str]:
    """Methods of `task` that nobody calls, with a name that is nearly that of a hook which it does not have."""
    slips = misspelt(task, HOOKS).items()
    return [f"{type(task).__name__}.{slip}: did you mean the hook {name}?" for name, slip in slips]


def _begun_anew(config: SweepConfig, task: Task) -> list[str]:
    """A loop of the task's own cannot go on from where it was left, so that each rung costs all that it trains."""
    if config.search.stopping != "halving" or not isinstance(task, OwnFit):
        return []
    return [
        f"search.stopping: with {type(task).__name__}.fit each rung of halving trains from the start, as Paredown "
        "cannot go on from where a loop of your own was left; structure costs nothing"
    ]


def _unseen(config: SweepConfig) -> list[str]:
    """Techniques that can improve nothing that is looked at: a trial with one can only retry by it."""
    seen = {bare(name) for name in (*(o.name for o in config.objectives), *(c.name for c in config.constraints))}
    found = []
    for gain in (gain for step in config.space.steps for gain in step.gains):
        values = [str(value) for value in config.space.used(gain.when.name) if value in gain.when.values]
        more = any(value in when.values for when in gain.more_with for value in config.space.used(when.name))
        if values and not more and not seen & set(gain.metrics):
            found.append(
                f"space.{gain.when.name}: {', '.join(values)} can improve only {', '.join(gain.metrics)}, and no "
                f"objective or constraint looks at that; add objectives.{gain.metrics[0]}, or take it out of the axis"
            )
    return found


def _unused(config: SweepConfig) -> list[str]:
    """Values of an axis that are in no recipe."""
    found = []
    for axis in config.space.axes:
        used = config.space.used(axis.name)
        unused = [value for value in axis.values if value not in used]
        if unused and len(axis.values) > 1:
            found.append(f"space.{axis.name}: no recipe has {listed(unused)}: it does not apply or is ruled out")
    return found


def _unreachable(config: SweepConfig, task: Task) -> list[str]:
    """Bounds beyond the best value that there can be: the front would stay empty."""
    found = []
    for constraint in config.constraints:
        if extreme := constraint.out_of_reach(metric(constraint.name).best_for(task)):
            found.append(f"constraints.{constraint.name}: no trial can keep {constraint}, as {extreme}")
    return found


def _absent(config: SweepConfig) -> list[str]:
    """Metrics of the sweep that this machine cannot measure; others may run the trials."""
    found = []
    for name in config.optional_metrics:
        absence = metric(name).absence
        for target, each in config.targets:
            if each.resource or target_of(name) not in ("", target):  # who measures there is not known yet
                continue
            if absence and (reason := absence(each)):
                found.append(f"{name} is not available here: {reason}; trials that run here will fail")
    return list(dict.fromkeys(found))
