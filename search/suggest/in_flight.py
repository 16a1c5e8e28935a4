"""Stages in flight: those that trials at work are about to compute, so that no other trial begins them too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from pipelines import StageKey
from pipelines.epochs import is_training
from search.study.trial import Trial
from search.suggest.costs import MEASURE, Costs
from spaces import Recipe


class InFlight:
    """The stages that a recipe would have to compute, those that another trial is computing, and what they take.

    A stage is in flight from when a trial that needs it, and finds it missing, is given out until its result is in
    the store or the trial has ended, well or not. Only this driver's trials are known here: between drivers the store's
    own locks keep a stage from being computed twice.

    Args:
        chain: The stages whose results a trial of a recipe needs; see `pipelines.Evaluator.chain`.
        stored: Whether the store has the result of a key. Asked often: it must be quick.
        costs: What stages take.
    """

    def __init__(
        self, chain: Callable[[Recipe], Sequence[StageKey]], stored: Callable[[str], bool], costs: Costs
    ) -> None:
        self._chain, self._stored, self.costs = chain, stored, costs
        self._chains: dict[str, tuple[StageKey, ...]] = {}
        self._present: set[str] = set()
        self._building: dict[int, frozenset[str]] = {}

    def missing(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """The stages of the trial of `recipe` that are not in the store."""
        return tuple(link for link in self._links(recipe) if not self._is_stored(link.key))

    def trains(self, recipe: Recipe) -> bool:
        """Return True if a trial of `recipe` has trainings before it: it has if that is not known."""
        links = self._links(recipe)
        return not links or any(is_training(link.name) for link in self.missing(recipe))

    def free(self, recipe: Recipe) -> bool:
        """Return True if a trial of `recipe` could begin without computing what another trial is about to compute."""
        taken = [keys for keys in self._building.values() if keys]
        return not taken or not any(link.key in keys for link in self._awaited(recipe) for keys in taken)

    def seconds(self, recipe: Recipe) -> float:
        """The seconds that the trial of `recipe` would take: its missing stages, and measuring.

        A stage that was never computed counts like the middle one of those that were; nothing is known at the start.
        """
        known = self.costs.known()
        typical = median(known.values()) if known else 0.0
        names = (*(link.name for link in self.missing(recipe)), MEASURE)
        return sum(known.get(name, typical) for name in names)

    def claim(self, trial: Trial) -> None:
        """`trial` was given out: what it misses is its to compute."""
        self._building[trial.number] = frozenset(link.key for link in self._awaited(trial.recipe))

    def release(self, trial: Trial) -> None:
        """`trial` has ended or its worker has died: what it has not computed is anyone's again."""
        self._building.pop(trial.number, None)
        self._chains.pop(trial.recipe.digest, None)
        self._present.clear()  # the store may have dropped what it had

    def _awaited(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """The missing stages without which the work on `recipe` cannot begin.

        A student that takes nothing from the teacher is only compared with it, in the end.
        """
        links, teacher = self._links(recipe), self._links(Recipe())
        begins_with_teacher = links[:1] == teacher[:1]
        return tuple(link for link in self.missing(recipe) if begins_with_teacher or link not in teacher)

    def _is_stored(self, key: str) -> bool:
        if key not in self._present and self._stored(key):
            self._present.add(key)
        return key in self._present

    def _links(self, recipe: Recipe) -> tuple[StageKey, ...]:
        if recipe.digest not in self._chains:
            try:
                links = tuple(self._chain(recipe))
            except Exception:
                # Whatever keeps the keys from being told here will be the reason with which the trial fails.
                links = ()
            self._chains[recipe.digest] = links
        return self._chains[recipe.digest]
