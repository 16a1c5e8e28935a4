"""The basis of a sweep's estimates: what its trials need, and what that took before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pipelines import Evaluator
from search.config.sections import DEFAULT_TRIALS
from search.config.sweep_config import SweepConfig
from search.planning.estimate import Estimate
from search.planning.plan import Plan
from search.planning.probe import probe, probes
from search.planning.timings import Timings, trials_like
from search.planning.workload import Workload
from search.study.saved import sweep_evaluator
from search.study.trial import Trial
from search.study.workspace import Workspace
from spaces import Recipe


class Estimator:
    """Estimates what a sweep takes; probing adds to what it knows.

    Args:
        config: The sweep.
        plan: What it has before it.
        workspace: Where earlier work is found.
    """

    def __init__(self, config: SweepConfig, plan: Plan, workspace: Workspace) -> None:
        self._config, self._plan = config, plan
        self._evaluate: Evaluator = sweep_evaluator(config, workspace)
        self._trials = trials_like(config, workspace)
        self._workload = self._look()

    def estimate(self) -> Estimate:
        """The estimate by what is known now."""
        manifests = self._evaluate.store.folder.manifests()
        timings = Timings.of(self._workload, self._evaluate.context, manifests, self._trials)
        return Estimate.of(self._config, self._workload, timings, self._plan.trials, DEFAULT_TRIALS)

    def probes(self, unknown: Sequence[str]) -> tuple[Recipe, ...]:
        """The recipes to `probe` for the times of the stages `unknown`; see `search.planning.probe.probes`."""
        return probes(self._workload, unknown)

    def probe(self, recipes: Sequence[Recipe], begin: Callable[[int, Recipe], None]) -> list[Trial]:
        """Do `recipes` as a worker would, and take their times.

        Args:
            recipes: What to do.
            begin: Notified of the number and the recipe of each before it is done.

        Returns:
            What came of each: also of one that failed, with the reason.
        """
        torch.set_num_threads(self._config.cluster.cpus_per_trial)
        done = list(probe(recipes, self._evaluate, begin))
        self._trials += done
        self._workload = self._look()
        return done

    def _look(self) -> Workload:
        stored = frozenset(str(entry.get("key")) for entry in self._evaluate.store.folder.manifests())
        trials = self._plan.trials if self._config.search.trials else 0
        evaluate = self._evaluate
        return Workload.of(self._config.space, evaluate.context, stored, trials, evaluate.formats)
