"""A finished sweep as a world: recipes that it ran are as they were, others as a model has them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from statistics import median

from pipelines import StageKey
from pipelines.ledger import WAITS
from pipelines.measurement import Measurement
from pipelines.pipeline import outline
from search.errors import SweepError
from search.replay.surrogate import FEWEST, Error, Surrogate
from search.study.outcome import Complete, Outcome
from search.study.saved import Sweep
from search.study.trial import Result, Trial
from spaces import Recipe


class Recorded:
    """The world of a sweep that has ended.

    A recipe that was run ends as it did, and its stages and its measuring take the seconds that they took. What is not
    known is supposed: a stage takes the median of the stages of its name, measuring the median of all, and metrics come
    from `Surrogate`. A trial that was stopped early tells nothing of how it would have ended. What recipes share
    follows from the recipes alone, so that neither task nor store is needed.

    Args:
        sweep: The sweep.

    Raises:
        SweepError: too few trials are complete to suppose anything of others.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._known = {t.recipe.digest: t for t in sweep.trials if t.state in ("complete", "failed")}
        self._seconds = {stage: seconds for trial in self._known.values() for stage, seconds in _stage_seconds(trial)}
        self._measuring = {
            digest: _measuring_seconds(trial.result) for digest, trial in self._known.items() if trial.result
        }
        self._chains: dict[str, tuple[StageKey, ...]] = {}
        self._supposed: dict[str, Measurement] = {}
        complete = [t for t in sweep.trials if t.state == "complete" and t.recipe.steps]
        if len(complete) < FEWEST or sweep.state.baseline is None:
            raise SweepError(
                f"{len(complete)} compressed configurations of sweep {sweep.config.sweep} are complete; a replay needs "
                f"{FEWEST} and the uncompressed teacher, since it supposes of others what these have shown"
            )
        self._complete = complete

    @cached_property
    def surrogate(self) -> Surrogate:
        """The model of the metrics of recipes that were not run."""
        return Surrogate(self._sweep.config, self._complete)

    @cached_property
    def _typical(self) -> dict[str, float]:
        """The median seconds of a stage by its name."""
        found: dict[str, list[float]] = {}
        for stage, seconds in self._seconds.items():
            found.setdefault(stage.name, []).append(seconds)
        return {name: median(each) for name, each in found.items()}

    @cached_property
    def _typical_measuring(self) -> float:
        return median(self._measuring[trial.recipe.digest] for trial in self._complete)

    def chain(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """See `World.chain`."""
        if recipe.digest not in self._chains:
            work = (stage for each in (recipe, recipe.parent(), Recipe()) for stage in outline(each))
            self._chains[recipe.digest] = tuple(dict.fromkeys(work))
        return self._chains[recipe.digest]

    def own(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """See `World.own`."""
        return tuple(outline(recipe))

    def seconds(self, stage: StageKey) -> float:
        """See `World.seconds`."""
        known = self._seconds.get(stage)
        return known if known is not None else self._typical.get(stage.name, 0.0)

    def measuring(self, recipe: Recipe) -> float:
        """See `World.measuring`: waiting for the device, which hangs on what else ran, does not count."""
        return self._measuring.get(recipe.digest, self._typical_measuring)

    def outcome(self, trial: Trial) -> Outcome:
        """See `World.outcome`."""
        known = self._known.get(trial.recipe.digest)
        if known and known.outcome:
            return known.outcome
        if trial.recipe.digest not in self._supposed:
            self._supposed[trial.recipe.digest] = Measurement(self.surrogate.metrics(trial.params))
        return Complete(self._supposed[trial.recipe.digest], "")

    def is_known(self, recipe: Recipe) -> bool:
        """Return True if `recipe` was run; what it finds is supposed otherwise."""
        return recipe.digest in self._known

    @property
    def errors(self) -> Sequence[Error]:
        """The errors of what is supposed, metric by metric."""
        return self.surrogate.errors


def _stage_seconds(trial: Trial) -> list[tuple[StageKey, float]]:
    """The stages of `trial` with the seconds that each took; none if its result has others than its recipe needs."""
    stages, runs = list(outline(trial.recipe)), trial.result.stages if trial.result else ()
    if [stage.name for stage in stages] != [run.name for run in runs]:
        return []
    return [(stage, run.seconds) for stage, run in zip(stages, runs, strict=True)]


def _measuring_seconds(result: Result) -> float:
    """The seconds of loading and measuring: neither those of stages, nor those in which it waited for others."""
    waited = sum(result.spent.get(name, 0.0) for name in WAITS)
    return max(0.0, result.worked_s - waited - sum(stage.seconds for stage in result.computed))
