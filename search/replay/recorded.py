"""A finished sweep as a world: recipes that it ran are as they were, others as a model has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from pipelines import StageKey
from pipelines.measurement import Measurement
from search.errors import SweepError
from search.replay.surrogate import FEWEST, Error, Surrogate
from search.study.outcome import Complete, Outcome
from search.study.saved import Sweep
from search.study.trial import Trial
from search.suggest.costs import ALONE, BESIDE, Costs
from spaces import Recipe


class Recorded:
    """The world of a sweep that has ended.

    A recipe that was run ends as it did and its stages take the seconds that they took. What is not known is supposed:
    a stage takes the median of the stages of its name, measuring the median of all, and metrics come from `Surrogate`.
    A trial that was stopped early tells nothing of how it would have ended.

    Args:
        sweep: The sweep.
        chain: The stages that a trial of a recipe needs; see `pipelines.Evaluator.chain`.
        own: Those that lead to its file.

    Raises:
        SweepError: too few trials are complete to suppose anything of others.
    """

    def __init__(
        self,
        sweep: Sweep,
        chain: Callable[[Recipe], Sequence[StageKey]],
        own: Callable[[Recipe], Sequence[StageKey]],
    ) -> None:
        self._sweep, self._chain, self._own = sweep, chain, own
        self._known = {t.recipe.digest: t for t in sweep.trials if t.state in ("complete", "failed")}
        self._costs = Costs(sweep.trials)
        results = [trial.result for trial in sweep.trials if trial.result]
        self._seconds = {stage.key: stage.seconds for r in results for stage in r.all_stages}
        self._chains: dict[str, tuple[StageKey, ...]] = {}
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

    def chain(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """See `World.chain`."""
        if recipe.digest not in self._chains:
            self._chains[recipe.digest] = tuple(self._chain(recipe))
        return self._chains[recipe.digest]

    def own(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """See `World.own`."""
        return tuple(self._own(recipe))

    def seconds(self, stage: StageKey) -> float:
        """See `World.seconds`."""
        known = self._seconds.get(stage.key)
        return known if known is not None else self._costs.seconds(stage.name) or 0.0

    def measuring(self, recipe: Recipe) -> float:
        """See `World.measuring`: waiting for the device, which hangs on what else ran, does not count."""
        return (self._costs.seconds(ALONE) or 0.0) + (self._costs.seconds(BESIDE) or 0.0)

    def outcome(self, trial: Trial) -> Outcome:
        """See `World.outcome`."""
        known = self._known.get(trial.recipe.digest)
        if known and known.outcome:
            return known.outcome
        return Complete(Measurement(self.surrogate.metrics(trial.params)), "")

    def is_known(self, recipe: Recipe) -> bool:
        """Return True if `recipe` was run; what it finds is supposed otherwise."""
        return recipe.digest in self._known

    @property
    def errors(self) -> Sequence[Error]:
        """The errors of what is supposed, metric by metric."""
        return self.surrogate.errors
