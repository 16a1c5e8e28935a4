"""Sweeps over a record, in virtual time."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import optuna

from benchmarks.recording import Record, Row
from pipelines import STEPS, StageKey
from pipelines.meters import Measurement
from search.config.sweep_config import SweepConfig, parse_config
from search.replay.machine import Machine
from search.study.outcome import Complete, Outcome
from search.study.state import SweepState
from search.study.study import Study
from search.study.trial import Result, Trial
from search.study.workspace import SweepFolder
from search.suggest.costs import Costs
from search.suggest.in_flight import InFlight
from search.suggest.queue import StudyQueue
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
        lookahead: As ``search.lookahead``; 0 takes suggestions as they come and lets workers wait for each other.
        suffix_variants: As ``search.suffix_variants``.
    """

    name: str
    shared: frozenset[str] | None = ALL
    plain: bool = False
    lookahead: int | None = None
    suffix_variants: bool = True


PLAIN = Way("Optuna, teacher by hand", TEACHER, plain=True)
STORE = Way("Paredown, store only", lookahead=0, suffix_variants=False)
WHOLE = Way("Paredown")

ONE_SLOT = (PLAIN, Way("Optuna, teacher and student by hand", STUDENT, plain=True), STORE, WHOLE)
"""What is compared with one slot: there, nothing is ever in flight that a suggestion would have to wait for."""

SEVERAL_SLOTS = (STORE, Way("Paredown, look-ahead", suffix_variants=False), WHOLE)


@dataclass(frozen=True)
class Snapshot:
    """Where a sweep stood after one of its trials.

    Attributes:
        compute_s: Seconds that stages and measuring took until then, in all slots.
        hypervolume: See `search.study.front.ParetoFront.hypervolume`.
    """

    compute_s: float
    hypervolume: float


@dataclass
class Run:
    """What one sweep did.

    Attributes:
        way: How it searched.
        seed: Of its sampler.
        snapshots: Where it stood, trial by trial as they ended.
        waiting_s: Seconds for which slots waited for a stage that another slot computed.
        idle_s: Seconds for which slots had nothing to do although trials were left.
        wall_s: When the last trial ended.
        twice: Stages that were computed more than once.
        suffix_variants: How many of the trials were suffix variants.
        trials: The trials; none of plain Optuna.
    """

    way: Way
    seed: int
    snapshots: list[Snapshot] = field(default_factory=list)
    waiting_s: float = 0.0
    idle_s: float = 0.0
    wall_s: float = 0.0
    twice: int = 0
    suffix_variants: int = 0
    trials: Sequence[Trial] = ()

    def reached(self, hypervolume: float) -> float:
        """The seconds of compute after which it stood at `hypervolume` or above; infinite if it never did."""
        return next((m.compute_s for m in self.snapshots if m.hypervolume >= hypervolume - 1e-12), float("inf"))

    def at(self, compute_s: float) -> float:
        """The hypervolume after so many seconds of compute."""
        return max((m.hypervolume for m in self.snapshots if m.compute_s <= compute_s), default=0.0)


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
    def rows(self) -> dict[str, Row]:
        """What is known of a recipe, by its digest."""
        space = self.config(0).space
        return {(space.recipe(row.params) if row.params else Recipe()).digest: row for row in self.record.rows}

    def config(self, seed: int, **search: Any) -> SweepConfig:
        """A sweep over all that was recorded."""
        section = {"seed": seed, "trials": len(self.record.rows), **search}
        return parse_config(
            {"sweep": "replay", "task": {"use": "digits"}, "space": self.record.space, "search": section}
        )

    def chain(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """See `World.chain`."""
        return tuple(StageKey(self.record.stages[key][0], key) for key in self.rows[recipe.digest].chain)

    def own(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """See `World.own`: the stages of its parent and of the teacher's file follow them."""
        chain = self.chain(recipe)
        return chain[: [stage.name for stage in chain].index("pack") + 1]

    def measuring(self, recipe: Recipe) -> float:
        """See `World.measuring`."""
        return self.rows[recipe.digest].measuring

    def outcome(self, trial: Trial) -> Outcome:
        """See `World.outcome`."""
        return Complete(Measurement(dict(self.rows[trial.recipe.digest].metrics)), "")

    def by_hand(self, row: Row) -> tuple[str, ...]:
        """What a script would run for `row`: no comparison with other files, no teacher where nothing is taught."""
        taught = row.params.get("distillation.alpha", 1)
        names = [self.record.stages[key][0] for key in row.chain]
        own = row.chain[: names.index("pack") + 1]
        return tuple(key for key in own if taught or self.record.stages[key][0] != "teacher")

    def seconds(self, stage: StageKey) -> float:
        """See `World.seconds`."""
        return self.record.stages[stage.key][1]

    def cost(self, row: Row, shared: frozenset[str] | None, store: set[str]) -> float:
        """The seconds of the trial of `row` when the results in `store` are there; adds those that can be shared."""
        chain = row.chain if shared is ALL else self.by_hand(row)
        missing = [key for key in chain if key not in store]
        store.update(key for key in missing if shared is ALL or self.record.stages[key][0] in shared)
        return sum(self.record.stages[key][1] for key in missing) + row.measuring


def same_trials(tape: Tape, count: int, seed: int) -> dict[str, float]:
    """The seconds of the same `count` random recipes, after the teacher's own, by what is shared."""
    first, *others = tape.record.rows
    rows = [first, *random.Random(seed).sample(others, count)]
    found = {}
    for name, shared in {
        "everything retrained": frozenset[str](),
        "teacher shared by hand": TEACHER,
        "teacher and student shared by hand": STUDENT,
        "Paredown": ALL,
    }.items():
        store: set[str] = set()
        found[name] = sum(tape.cost(row, shared, store) for row in rows)
    return found


def search(
    tape: Tape,
    way: Way,
    seed: int,
    trials: int,
    limit_s: float = float("inf"),
    slots: int = 1,
    warm_starts: Sequence[WarmStart] = (),
) -> Run:
    """Search once: until `trials` trials have ended after the teacher's, or `limit_s` seconds of compute are spent."""
    run = Run(way, seed)
    if way.plain:
        config, store = tape.config(seed), set[str]()
        state = SweepState.of((), config)
        for trial in _plain(tape, config, trials):
            spent = run.snapshots[-1].compute_s if run.snapshots else 0.0
            spent += tape.cost(tape.rows[trial.recipe.digest], way.shared, store)
            state = state.with_started().with_finished(trial, config)
            run.snapshots.append(Snapshot(spent, state.hypervolume))
        run.wall_s = run.snapshots[-1].compute_s
        return run
    options = {"suffix_variants": way.suffix_variants} | ({"lookahead": way.lookahead} if way.lookahead else {})
    with tempfile.TemporaryDirectory() as folder:
        study = Study(tape.config(seed, **options | {"trials": trials + 1}), SweepFolder(Path(folder)))
        machine = Machine(tape, slots)
        in_flight = InFlight(tape.chain, machine.store.__contains__, Costs()) if way.lookahead != 0 else None
        queue = StudyQueue(study, in_flight=in_flight, warm_starts=warm_starts)
        machine.run(queue, limit_s, lambda: _note(run, machine, study))
        run.trials = study.trials
        run.suffix_variants = sum(trial.proposed == "suffix" for trial in study.trials if trial.result)
    run.waiting_s, run.idle_s, run.wall_s = machine.waiting_s, machine.idle_s, machine.now
    run.twice = sum(count > 1 for count in machine.built.values())
    return run


def _note(run: Run, machine: Machine, study: Study) -> None:
    run.snapshots.append(Snapshot(machine.compute_s, study.state.hypervolume))


def _plain(tape: Tape, config: SweepConfig, trials: int) -> Iterator[Trial]:
    """The uncompressed teacher, and `trials` different recipes from Optuna's own sampler.

    A suggestion that was tried before is told again and costs nothing: somebody kept the numbers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=config.search.seed)
    study = optuna.create_study(directions=[o.direction for o in config.objectives], sampler=sampler)
    yield _ended(0, Recipe(), {}, tape.rows[Recipe().digest])
    seen: set[str] = set()
    while len(seen) < trials:
        asked = study.ask()
        params = config.space.sample(lambda axis, asked=asked: asked.suggest_categorical(axis.name, axis.values))  # type: ignore[misc]
        recipe = config.space.recipe(params)
        row = tape.rows[recipe.digest]
        study.tell(asked, [row.metrics[o.name] for o in config.objectives])
        if recipe.digest not in seen:
            seen.add(recipe.digest)
            yield _ended(len(seen), recipe, params, row)


def _ended(number: int, recipe: Recipe, params: Mapping[str, Any], row: Row) -> Trial:
    return Trial(
        number,
        recipe,
        params,
        recipe.label(STEPS),
        0.0,
        Result(number, 0.0, 0.0, Complete(Measurement(dict(row.metrics)), "")),
    )
