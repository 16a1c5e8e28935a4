"""Sweeps over a record, in virtual time: what is computed takes the recorded seconds, what is shared takes none."""

from __future__ import annotations

import heapq
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import optuna

from benchmarks.recording import Record, Row
from pipelines import STEPS, StageKey, StageRun
from pipelines.meters import Measurement
from search.config.sweep_config import SweepConfig, parse_config
from search.study.outcome import Complete
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

    def links(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """What `pipelines.Evaluator.chain` said of `recipe`."""
        return tuple(StageKey(self.record.stages[key][0], key) for key in self.rows[recipe.digest].chain)

    def own(self, row: Row) -> tuple[str, ...]:
        """The stages that lead to the file of `row`: those of its parent and of the teacher's file follow them."""
        names = [self.record.stages[key][0] for key in row.chain]
        return row.chain[: names.index("pack") + 1]

    def by_hand(self, row: Row) -> tuple[str, ...]:
        """What a script would run for `row`: no comparison with other files, no teacher where nothing is taught."""
        taught = row.params.get("distillation.alpha", 1)
        return tuple(key for key in self.own(row) if taught or self.record.stages[key][0] != "teacher")

    def seconds(self, key: str) -> float:
        """What the stage took."""
        return self.record.stages[key][1]

    def cost(self, row: Row, shared: frozenset[str] | None, store: set[str]) -> float:
        """The seconds of the trial of `row` when the results in `store` are there; adds those that can be shared."""
        chain = row.chain if shared is ALL else self.by_hand(row)
        missing = [key for key in chain if key not in store]
        store.update(key for key in missing if shared is ALL or self.record.stages[key][0] in shared)
        return sum(map(self.seconds, missing)) + row.measuring


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
        in_flight = InFlight(tape.links, machine.store.__contains__, Costs()) if way.lookahead != 0 else None
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


_Work = Generator[float | str, None, Result]
"""A trial at work: gives the seconds that it is busy, or the key of the stage that it waits for."""


class Machine:
    """Runs what a source gives out in virtual time, with Paredown's store and its lock for each key.

    Args:
        tape: What things take.
        slots: How many trials run at once. They do not hold each other up: measuring is counted, not queued.
    """

    def __init__(self, tape: Tape, slots: int) -> None:
        self._tape, self._slots = tape, slots
        self.store: set[str] = set()
        self.built: Counter[str] = Counter()
        self.now = self.compute_s = self.waiting_s = self.idle_s = 0.0
        self._locked: set[str] = set()
        self._waiting: list[tuple[str, float, _Work]] = []
        self._busy: list[tuple[float, int, _Work]] = []
        self._count = 0

    def run(self, source: StudyQueue, limit_s: float, ended: Callable[[], None]) -> None:
        """Run trials until there are no more, or `limit_s` seconds are computed; `ended` is told of each end."""
        idle = self._slots
        while True:
            while idle and (trial := source.next()):
                idle -= 1
                idle += self._go_on(self._work(trial), source, ended)
            if not self._busy or self.compute_s > limit_s:
                return
            then, _, work = heapq.heappop(self._busy)
            if not source.exhausted:
                self.idle_s += idle * (then - self.now)
            self.now = then
            idle += self._go_on(work, source, ended)

    def _go_on(self, work: _Work, source: StudyQueue, ended: Callable[[], None]) -> int:
        """Let `work` go on until it is busy, waits or has ended, and whoever it set free; how many have ended."""
        ready, ends = [work], 0
        while ready:
            one = ready.pop(0)
            try:
                asked = next(one)
            except StopIteration as stop:
                source.finish(stop.value)
                ended()
                ends += 1
                continue
            if isinstance(asked, str):
                self._waiting.append((asked, self.now, one))
            else:
                self._count += 1
                heapq.heappush(self._busy, (self.now + asked, self._count, one))
            for entry in [entry for entry in self._waiting if entry[0] not in self._locked]:
                self._waiting.remove(entry)
                self.waiting_s += self.now - entry[1]
                ready.append(entry[2])
        return ends

    def _work(self, trial: Trial) -> _Work:
        row, started, runs = self._tape.rows[trial.recipe.digest], self.now, dict[str, StageRun]()
        for key in row.chain:
            while key in self._locked:
                yield key
            (name, seconds), reused = self._tape.record.stages[key], key in self.store
            if not reused:
                self._locked.add(key)
                yield seconds
                self._locked.discard(key)
                self.store.add(key)
                self.built[key] += 1
                self.compute_s += seconds
            runs[key] = StageRun(name, key, seconds, reused)
        yield row.measuring
        self.compute_s += row.measuring
        own: Sequence[StageRun] = [runs[key] for key in self._tape.own(row)]
        return Result(trial.number, started, self.now, Complete(Measurement(dict(row.metrics)), ""), stages=tuple(own))
