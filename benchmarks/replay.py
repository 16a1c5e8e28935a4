"""Sweeps over a record, in virtual time."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import optuna

from pipelines import STEPS, StageKey
from search.config.sweep_config import SweepConfig
from search.replay.record import Record
from search.replay.recorded import Recorded
from search.replay.replay import Curve, Point, changed, replay
from search.study.outcome import Complete
from search.study.proposal import BASELINE
from search.study.state import SweepState
from search.study.trial import Result, Trial
from search.suggest.warm_start import WarmStart
from spaces import Recipe

ALL = None
"""The names of stages that are shared, when all are."""

TEACHER, STUDENT = frozenset({"teacher"}), frozenset({"teacher", "distil"})


@dataclass(frozen=True)
class Way:
    """One way to search.

    Attributes:
        name: In words.
        shared: The names of stages that are computed once, when that is done by hand; `ALL` in Paredown's store.
        plain: Whether Optuna's sampler is asked directly, in a loop as its documentation shows it.
        orders: Whether trials are ordered by what they share; if not, workers wait for each other.
        overrides: How else the sweep's section ``search`` differs.
    """

    name: str
    shared: frozenset[str] | None = ALL
    plain: bool = False
    orders: bool = True
    overrides: tuple[str, ...] = ()


PLAIN = Way("Optuna, teacher by hand", TEACHER, plain=True)
NO_VARIANTS = ("search.suffix_variants=false",)
STORE = Way("Paredown, store only", orders=False, overrides=NO_VARIANTS)
WHOLE = Way("Paredown")

ONE_SLOT = (PLAIN, Way("Optuna, teacher and student by hand", STUDENT, plain=True), STORE, WHOLE)
"""What is compared with one slot: there, nothing is ever in flight that a suggestion would have to wait for."""

SEVERAL_SLOTS = (STORE, Way("Paredown, look-ahead", overrides=NO_VARIANTS), WHOLE)


@dataclass
class Run:
    """What one sweep did.

    Attributes:
        way: How it searched.
        seed: Of its sampler.
        curve: Its course.
    """

    way: Way
    seed: int
    curve: Curve

    @property
    def points(self) -> Sequence[Point]:
        """Where it stood, trial by trial as they ended."""
        return self.curve.points

    @property
    def suffix_variants(self) -> int:
        """How many of the trials were suffix variants."""
        return sum(trial.proposed == "suffix" for trial in self.curve.trials if trial.result)

    def reached(self, hypervolume: float) -> float:
        """The seconds of compute after which it stood at `hypervolume` or above; infinite if it never did."""
        return next((m.compute_s for m in self.points if m.hypervolume >= hypervolume - 1e-12), float("inf"))

    def at(self, compute_s: float) -> float:
        """The hypervolume after so many seconds of compute."""
        return max((m.hypervolume for m in self.points if m.compute_s <= compute_s), default=0.0)


@dataclass(frozen=True)
class Tape:
    """A record, ready to be replayed."""

    record: Record

    @classmethod
    @lru_cache
    def read(cls, file: Path) -> Tape:
        """The record in `file`."""
        return cls(Record.read(file))

    @cached_property
    def world(self) -> Recorded:
        """What is known, and what is supposed of recipes that are not in the record."""
        return Recorded(self.record.sweep)

    def config(self, seed: int, trials: int, overrides: Sequence[str] = ()) -> SweepConfig:
        """A sweep over all that was recorded, of `trials` trials and the teacher's."""
        own = (f"search.seed={seed}", f"search.trials={trials + 1}", *overrides)
        return changed(self.record.config, own)

    def cost(self, recipe: Recipe, shared: frozenset[str] | None, store: set[StageKey]) -> float:
        """The seconds of the trial of `recipe` when the results in `store` are there; adds those that can be shared.

        What is shared by hand is less than all: then it is compared with no other file, and no teacher is trained where
        nothing is taught.
        """
        chain = self.world.chain(recipe) if shared is ALL else self.world.own(recipe)
        missing = [stage for stage in chain if stage not in store]
        store.update(stage for stage in missing if shared is ALL or stage.name in shared)
        return sum(map(self.world.seconds, missing)) + self.world.measuring(recipe)


def same_trials(tape: Tape, count: int, seed: int) -> dict[str, float]:
    """The seconds of the same `count` random recipes, after the teacher's own, by what is shared."""
    first, *others = (trial.recipe for trial in tape.record.trials)
    chosen = [first, *random.Random(seed).sample(others, count)]
    found = {}
    for name, shared in {
        "everything retrained": frozenset[str](),
        "teacher shared by hand": TEACHER,
        "teacher and student shared by hand": STUDENT,
        "Paredown": ALL,
    }.items():
        store: set[StageKey] = set()
        found[name] = sum(tape.cost(recipe, shared, store) for recipe in chosen)
    return found


def search(tape: Tape, way: Way, seed: int, trials: int, slots: int = 1, warm_starts: Sequence[WarmStart] = ()) -> Run:
    """Search once, until `trials` trials have ended after the teacher's."""
    config = tape.config(seed, trials, way.overrides)
    if not way.plain:
        return Run(way, seed, replay(tape.world, config, slots, orders=way.orders, warm_starts=warm_starts))
    points, store, spent = list[Point](), set[StageKey](), 0.0
    state = SweepState.of((), config)
    for trial in _plain(tape, config, trials):
        spent += tape.cost(trial.recipe, way.shared, store)
        state = state.with_started().with_finished(trial, config)
        points.append(Point(state.hypervolume, spent, spent))
    return Run(way, seed, Curve(tuple(points)))


def _plain(tape: Tape, config: SweepConfig, trials: int) -> Iterator[Trial]:
    """The uncompressed teacher, and `trials` different recipes from Optuna's own sampler.

    A suggestion that was tried before is told again and costs nothing: somebody kept the numbers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=config.search.seed)
    study = optuna.create_study(directions=[o.direction for o in config.objectives], sampler=sampler)
    yield _ended(tape, 0, BASELINE.recipe, {})
    seen: set[str] = set()
    while len(seen) < trials:
        asked = study.ask()
        params = config.space.sample(lambda axis, asked=asked: asked.suggest_categorical(axis.name, axis.values))  # type: ignore[misc]
        recipe = config.space.recipe(params)
        trial = _ended(tape, len(seen) + 1, recipe, params)
        if isinstance(trial.outcome, Complete):
            study.tell(asked, [trial.metrics[o.name] for o in config.objectives])
        else:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        if recipe.digest not in seen:
            seen.add(recipe.digest)
            yield trial


def _ended(tape: Tape, number: int, recipe: Recipe, params: Any) -> Trial:
    trial = Trial(number, recipe, params, recipe.label(STEPS), 0.0)
    return trial.finish(Result(number, 0.0, 0.0, tape.world.outcome(trial)))
