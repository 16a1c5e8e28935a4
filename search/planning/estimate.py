"""Estimates of the time that a sweep takes, the trials that a budget is good for, and what sharing saves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from pipelines.pipeline import FIRST_STAGE
from pipelines.processors import processors
from search.config.sections import ClusterSection
from search.config.sweep_config import SweepConfig
from search.execution.ray_memory import offered_memory
from search.planning.timings import Timings
from search.planning.workload import Workload
from search.suggest.costs import Spread


@dataclass(frozen=True)
class Range:
    """An estimate.

    Attributes:
        low: With the lower quartiles of all that was seen.
        likely: With the medians.
        high: With the upper quartiles.
    """

    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class StageEstimate:
    """The expected cost of one kind of stage.

    Attributes:
        stage: The stage.
        recipes: How many of all recipes have such a stage.
        distinct: How many different results it has in the recipes that were looked at: each is computed once.
        results: How many different results the trials need.
        missing: How many of them the store does not have yet.
        seconds_each: What one took before; None if none was computed before.
        scaled: Whether that is scaled from another number of epochs.
        seconds: What the missing ones take together; None if that is not known.
    """

    stage: str
    recipes: int
    distinct: int
    results: float
    missing: float
    seconds_each: Spread | None
    scaled: bool
    seconds: Range | None


@dataclass(frozen=True)
class Estimate:
    """The expected time of a sweep. What is not known counts as nothing: then the times are partial.

    Attributes:
        trials: For how many trials.
        in_budget: How many trials the budget is good for, the fewest first; None without one, or if it cannot be told.
        is_capped: Whether the budget may be good for more, as more recipes than were looked at could be tried.
        recipes: How many recipes there are, the uncompressed teacher included.
        looked_at: In how many of them what trials need was counted; see `is_sampled`.
        stages: By kind, in the order of the work.
        alone: What a trial measures while nothing else may run; see `Timings`.
        beside: What a trial does besides.
        unknown: Stages, and ``measuring``, of whose time nothing is known.
        at_once: How many trials run at once; None if that is the cluster's to say, and 1 is reckoned with.
        work_s: Seconds of work of all trials together.
        wall_s: Seconds until the last trial has ended.
        unshared_s: Seconds of work if every trial computed all that it needs anew.
    """

    trials: int
    in_budget: Range | None
    is_capped: bool
    recipes: int
    looked_at: int
    stages: tuple[StageEstimate, ...]
    alone: Spread | None
    beside: Spread | None
    unknown: tuple[str, ...]
    at_once: int | None
    work_s: Range
    wall_s: Range
    unshared_s: Range

    @classmethod
    def of(cls, config: SweepConfig, workload: Workload, timings: Timings, most: int, usual: int) -> Estimate:
        """The estimate for as many trials as the sweep will have.

        Args:
            config: The sweep.
            workload: What its trials need.
            timings: What that takes.
            most: How many trials there can be; if that is more than recipes were looked at, so many are reckoned with.
            usual: How many to look at if neither a number nor a budget tells.
        """
        reckoning, reckoned = _Reckoning(workload, timings, at_once(config.cluster)), min(most, workload.recipes + 1)
        unknown = (*timings.missing(workload), *(() if timings.alone and timings.beside else ("measuring",)))
        in_budget = None if unknown else reckoning.in_budget(config, reckoned)
        trials = min(reckoned, usual) if config.search.trials is None else reckoned
        if in_budget:
            trials = int(in_budget.likely)
        return cls(
            trials,
            in_budget,
            bool(in_budget) and trials == reckoned < most,
            workload.among + 1,
            workload.recipes + 1,
            tuple(reckoning.stage(kind.name, trials) for kind in workload.kinds),
            timings.alone,
            timings.beside,
            unknown,
            at_once(config.cluster),
            _range(lambda pick: reckoning.work_s(trials, pick)),
            _range(lambda pick: reckoning.wall_s(trials, pick)),
            _range(lambda pick: reckoning.unshared_s(trials, pick)),
        )

    @property
    def is_sampled(self) -> bool:
        """True if the recipes that were looked at were drawn at random from more.

        Then the counts of stages are estimates, and `StageEstimate.distinct` is the least that it can be.
        """
        return self.looked_at < self.recipes

    def to_json(self) -> dict[str, Any]:
        """The estimate as plain data."""
        return {**asdict(self), "unknown": list(self.unknown), "stages": [asdict(stage) for stage in self.stages]}


def at_once(cluster: ClusterSection) -> int | None:
    """The number of trials of a sweep that run at once; None if that is the cluster's to say."""
    if cluster.address != "local":
        return cluster.max_concurrent_trials
    fit = processors() // cluster.cpus_per_trial
    if cluster.gpus_per_trial:
        fit = min(fit, int(torch.cuda.device_count() / cluster.gpus_per_trial + 1e-9))
    if cluster.memory_per_trial:
        fit = min(fit, offered_memory() // cluster.memory_per_trial)
    return max(1, min(fit, cluster.max_concurrent_trials or fit))


Pick = Callable[[Spread | None], float]
"""Takes one value of a spread; 0 for what is not known."""

PICKS: tuple[Pick, ...] = (
    lambda spread: spread.low if spread else 0.0,
    lambda spread: spread.likely if spread else 0.0,
    lambda spread: spread.high if spread else 0.0,
)


def _range(reckon: Callable[[Pick], float]) -> Range:
    return Range(*(reckon(pick) for pick in PICKS))


@dataclass(frozen=True)
class _Reckoning:
    workload: Workload
    timings: Timings
    at_once: int | None

    def stage(self, name: str, trials: int) -> StageEstimate:
        """The cost of the stages called `name` in `trials` trials."""
        kind = next(kind for kind in self.workload.kinds if kind.name == name)
        missing, each = self.workload.expected(kind, trials, missing=True), self.timings.stages.get(name)
        return StageEstimate(
            name,
            self.workload.having(kind),
            kind.distinct,
            self.workload.expected(kind, trials),
            missing,
            each,
            name in self.timings.scaled,
            _range(lambda pick: missing * pick(each)) if each else None,
        )

    def computing_s(self, trials: int, pick: Pick) -> float:
        """Of all stages whose results are missing."""
        return sum(
            self.workload.expected(kind, trials, missing=True) * pick(self.timings.stages.get(kind.name))
            for kind in self.workload.kinds
        )

    def work_s(self, trials: int, pick: Pick) -> float:
        """Of all trials together."""
        return self.computing_s(trials, pick) + trials * (pick(self.timings.alone) + pick(self.timings.beside))

    def wall_s(self, trials: int, pick: Pick) -> float:
        """Until the last trial has ended: measuring has the machine alone, and all wait for the first stage."""
        first = sum(
            self.workload.expected(kind, trials, missing=True) * pick(self.timings.stages.get(kind.name))
            for kind in self.workload.kinds
            if kind.name == FIRST_STAGE
        )
        alone = trials * pick(self.timings.alone)
        return first + alone + (self.work_s(trials, pick) - first - alone) / min(self.at_once or 1, trials)

    def unshared_s(self, trials: int, pick: Pick) -> float:
        """Of all trials together, if each trained its own teacher, and whatever follows, itself."""
        each = sum(kind.each * pick(self.timings.stages.get(kind.name)) for kind in self.workload.kinds)
        return trials * (each + pick(self.timings.alone) + pick(self.timings.beside))

    def in_budget(self, config: SweepConfig, most: int) -> Range | None:
        """The number of trials, `most` at most, that the budget is good for; the last one that is started counts."""
        budget, cluster = config.search.budget, config.cluster
        if budget is None:
            return None
        per_trial = budget.per_trial(cluster.cpus_per_trial, cluster.gpus_per_trial)

        def used_s(trials: int, pick: Pick) -> float:
            # A trial that waits for another one's teacher or measurement holds its processors all the same.
            held = 1.0 if budget.of == "wall" else per_trial * min(self.at_once or 1, trials)
            return self.wall_s(trials, pick) * held

        def fit(pick: Pick) -> float:
            low, high = 1, most
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if used_s(middle, pick) >= budget.seconds else (middle + 1, high)
            return low

        found = _range(fit)
        return Range(found.high, found.likely, found.low)
