"""Suggestions of the next recipe: a sampler over a bounded history, and no recipe twice."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable, Sequence
from typing import cast

import optuna
from optuna.trial import TrialState

from search.config.objective import Constraint, Objective
from search.samplers import SAMPLERS
from search.study.distributions import chosen_params
from search.study.ending import ending
from search.study.front import best_first, pareto_front
from search.study.trial import Trial
from spaces import Axis, Recipe, SearchSpace, Value

optuna.logging.set_verbosity(optuna.logging.WARNING)

HISTORY = 200
"""How many finished trials, a quarter of them at most members of the front, the sampler is shown at least, and half of
what it is shown at most: an ask takes time in proportion. `benchmarks/sampler.py` compares the fronts found with and
without the bound."""

SEEDS = 2**32
"""NumPy's generator, from which the samplers draw, takes seeds below it; a larger one of the sweep's is wrapped."""

ATTEMPTS = 8
"""How often the sampler is asked again when it suggests what was tried before; then a random new recipe is taken."""


class Suggester:
    """Suggests parameters of recipes that were not tried yet.

    The Optuna study in here lives in memory and serves the sampler alone; `search.study.study.Study` is what is kept.

    Args:
        name: One of `search.samplers.SAMPLERS`.
        space: What may be suggested.
        objectives: What is optimised.
        constraints: What has to be kept.
        seed: The same seed and history give the same suggestions.
        history: How many finished trials the sampler is shown at least, and half of what it is shown at most.
    """

    def __init__(
        self,
        name: str,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        seed: int,
        history: int = HISTORY,
    ) -> None:
        self._sampler, self._space, self._seed, self._history = SAMPLERS[name], space, seed, history
        self._objectives, self._constraints = tuple(objectives), tuple(constraints)
        first = {} if self._sampler.conditional else {axis.name: axis.values[0] for axis in space.axes}
        self._inactive, self._asked_always = chosen_params(space, first)
        self._tried: set[str] = set()
        self._finished: list[Trial] = []
        self._known: tuple[Trial, ...] = ()
        self._prior: tuple[Trial, ...] = ()
        self._restart()

    def suggest(self) -> dict[str, Value] | None:
        """The parameters of a recipe that was not tried yet, or None if every recipe of the space was.

        The recipe counts as tried from now on.
        """
        if self._shown > 2 * self._history:
            self._restart()
        for _ in range(ATTEMPTS):
            asked = self._study.ask(self._asked_always)
            proposed = self._space.propose(lambda axis, asked=asked: _suggest(asked, axis))  # type: ignore[misc]
            params = self._space.repair(proposed)
            digest = self._space.recipe(params).digest
            if digest not in self._tried:
                self._tried.add(digest)
                if params == proposed:
                    self._asked[digest] = asked
                else:  # what the sampler asked for is ruled out: it is shown what was done instead when that ends
                    self._study.tell(asked, state=TrialState.FAIL)
                return params
            self._study.tell(asked, state=TrialState.FAIL)
        unseen = self._random()
        if unseen is not None:
            self._tried.add(self._space.recipe(unseen).digest)
        return unseen

    def tried(self, recipe: Recipe) -> bool:
        """Return True if `recipe` was suggested, or counts as tried."""
        return recipe.digest in self._tried

    def count(self, recipe: Recipe) -> None:
        """Take `recipe` for tried, whoever proposed it: it is not suggested any more."""
        self._tried.add(recipe.digest)

    def learn(self, trial: Trial) -> None:
        """Take note of how a trial ended."""
        self._tried.add(trial.recipe.digest)
        self._finished.append(trial)
        if 0 < len(self._prior) <= len(self._finished):
            self._restart()
            return
        asked = self._asked.pop(trial.recipe.digest, None)
        if asked is None:
            self._show(trial)
            return
        self._shown += 1
        end = ending(trial, self._objectives, self._constraints)
        for name, violation in end.violations.items():
            asked.set_constraint(name, violation)
        self._study.tell(asked, end.values, end.state)

    def know(self, trials: Iterable[Trial]) -> None:
        """Learn `trials` of an earlier sweep that found what this one would find; they count as tried."""
        trials = tuple(trials)
        for trial in trials:
            self._tried.add(trial.recipe.digest)
        self._known = (*self._known, *best_first(trials, self._objectives, self._history // 4))
        self._restart()

    def suppose(self, trials: Iterable[Trial]) -> None:
        """Learn `trials` of an earlier sweep until there are as many of this one, which may find other things."""
        self._prior = (*self._prior, *best_first(trials, self._objectives, self._history // 4))
        self._restart()

    def resume(self, trials: Iterable[Trial]) -> None:
        """Take note of many trials at once, finished or not, as when a sweep goes on."""
        for trial in trials:
            self._tried.add(trial.recipe.digest)
            if trial.result:
                self._finished.append(trial)
        self._restart()

    def _restart(self) -> None:
        """Begin a new study with the front and the latest trials: the sampler's time must not grow without end."""
        # A sampler that restarts with its old seed would suggest the same again.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # ``group``
            sampler = self._sampler.make((self._seed + len(self._finished)) % SEEDS)
        self._study = optuna.create_study(directions=[o.direction for o in self._objectives], sampler=sampler)
        # Trials that run now are forgotten here: they are shown when they end.
        self._asked: dict[str, optuna.Trial] = {}
        self._shown = 0
        if len(self._prior) <= len(self._finished):
            self._prior = ()
        for trial in (*self._known, *self._prior):
            self._show(trial)
        front = pareto_front(self._finished, self._objectives, self._constraints)
        kept = front.thinned(self._history // 4).members
        recent = self._finished[-(self._history - len(kept)) :]
        for trial in sorted({trial.number: trial for trial in (*kept, *recent)}.values(), key=lambda t: t.number):
            self._show(trial)

    def _show(self, trial: Trial) -> None:
        """Add a finished trial to the study in memory, if there is something to learn from it."""
        end = ending(trial, self._objectives, self._constraints)
        chosen, distributions = chosen_params(self._space, trial.params)
        # A trial without parameters, such as the teacher, has nothing to learn from; and samplers that want the same
        # parameters of all trials would find that these have none in common, and suggest at random.
        if end.state == TrialState.FAIL or not chosen:
            return
        self._shown += 1
        self._study.add_trial(
            optuna.trial.create_trial(
                state=end.state,
                values=end.values,
                params=self._inactive | chosen,
                distributions=self._asked_always | distributions,
                constraints=end.violations,
                system_attrs=dict(self._sampler.attributes(self._study)),
            )
        )

    def _random(self) -> dict[str, Value] | None:
        """A recipe that was not tried: at random while there are many, else the first that is left."""
        rng = random.Random(f"{self._seed}:{len(self._tried)}")
        for _ in range(100):
            params = self._space.draw(rng)
            if self._space.recipe(params).digest not in self._tried:
                return params
        left = (params for params in self._space.points() if self._space.recipe(params).digest not in self._tried)
        return next(left, None)


def _suggest(trial: optuna.Trial, axis: Axis) -> Value:
    if axis.step is None:
        return cast(Value, trial.suggest_categorical(axis.name, axis.values))
    if all(isinstance(value, int) for value in axis.values):
        return trial.suggest_int(axis.name, int(axis.values[0]), int(axis.values[-1]), step=int(axis.step))
    value = trial.suggest_float(axis.name, float(axis.values[0]), float(axis.values[-1]), step=axis.step)
    # Optuna's steps add up rounding errors; the axis' own values have the digests that trials share.
    return min(axis.values, key=lambda known: abs(float(known) - value))
