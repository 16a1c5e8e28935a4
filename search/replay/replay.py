"""Replays of a sweep: the same search, or another one, over what it has found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.ledger import MEASURING
from search.config.sweep_config import SweepConfig, overridden
from search.replay.machine import Machine
from search.replay.recorded import Recorded
from search.study.history import History
from search.study.saved import Sweep
from search.study.study import Study
from search.study.trial import Trial
from search.study.workspace import SweepFolder
from search.suggest.costs import Costs
from search.suggest.in_flight import InFlight
from search.suggest.queue import StudyQueue
from search.suggest.warm_start import WarmStart
from spaces import InputError, Problem

CHANGEABLE = ("search", "cluster")
"""The sections of a sweep's file that a replay may change: how is searched, not what."""


@dataclass(frozen=True)
class Point:
    """A sweep when one more trial had ended.

    Attributes:
        hypervolume: See `search.study.front.ParetoFront.hypervolume`.
        wall_s: Seconds since the beginning.
        compute_s: Seconds of stages and measuring until then, in all slots.
    """

    hypervolume: float
    wall_s: float
    compute_s: float


@dataclass(frozen=True)
class Curve:
    """The course of one sweep, real or replayed.

    Attributes:
        points: After each finished trial.
        supposed: How many of the trials ended as a model has it, since their recipe was not run.
        trials: The trials.
        waiting_s: Seconds for which slots waited for a stage that another slot computed.
        idle_s: Seconds for which slots had nothing to do although trials were left.
        twice: How many stages were computed more than once.
    """

    points: tuple[Point, ...]
    supposed: int = 0
    trials: tuple[Trial, ...] = field(default=(), compare=False)
    waiting_s: float = 0.0
    idle_s: float = 0.0
    twice: int = 0

    @property
    def last(self) -> Point:
        """The end."""
        return self.points[-1]

    def reached(self, share: float) -> int:
        """After how many trials it stood at `share` of its last hypervolume for the first time."""
        return next(
            count
            for count, point in enumerate(self.points, start=1)
            if point.hypervolume >= share * self.last.hypervolume
        )


def changed(config: SweepConfig, overrides: Sequence[str]) -> SweepConfig:
    """`config` with `overrides`, which change only how is searched.

    Raises:
        InputError: they are wrong, or change what is searched.
    """
    where = [override.partition("=")[0] for override in overrides]
    if others := [name for name in where if name.partition(".")[0] not in CHANGEABLE]:
        told = f"a replay changes how is searched, not what; legal sections: {', '.join(CHANGEABLE)}"
        raise InputError(Problem(f"-o {name}", told) for name in others)
    return overridden(config, overrides)


def as_it_was(sweep: Sweep) -> Curve:
    """The course of `sweep` itself. Time in which no trial ran, as between two drivers, does not count."""
    history = History(sweep.trials, sweep.config)
    ends = sorted((t.result for t in sweep.trials if t.result), key=lambda result: result.finished)
    points, wall_s, until, measured_s = [], 0.0, 0.0, 0.0
    for result, (_, snapshot) in zip(ends, sorted(history.snapshots.items()), strict=True):
        wall_s += max(0.0, result.finished - max(until, result.started))
        until = max(until, result.finished)
        measured_s += result.seconds.get(MEASURING, 0.0)
        points.append(Point(snapshot.state.hypervolume, wall_s, snapshot.compute_s + measured_s))
    return Curve(tuple(points))


def slots_of(sweep: Sweep) -> int:
    """The largest number of trials of `sweep` that ran at once."""
    edges = [(r.started, 1) for t in sweep.trials if (r := t.result)]
    edges += [(r.finished, -1) for t in sweep.trials if (r := t.result)]
    at_once = most = 0
    for _, change in sorted(edges):
        at_once += change
        most = max(most, at_once)
    return max(1, most)


def replay(
    world: Recorded,
    config: SweepConfig,
    slots: int,
    ended: Callable[[Trial], None] = lambda trial: None,
    *,
    orders: bool = True,
    warm_starts: Sequence[WarmStart] = (),
) -> Curve:
    """Search `config` in `world`, from nothing, with an empty store.

    Args:
        world: What trials cost and find.
        config: How is searched; its seed is the sampler's alone here, as all trainings have been run.
        slots: How many trials run at once.
        ended: Told of each trial that has ended.
        orders: Whether trials are ordered by what they share; they come as the sampler suggests them, if not.
        warm_starts: What is known from earlier sweeps.
    """
    points: list[Point] = []
    with tempfile.TemporaryDirectory(prefix="paredown-") as folder:
        study = Study(config, SweepFolder(Path(folder)))
        machine = Machine(world, slots)
        in_flight = InFlight(world.chain, machine.store.__contains__, Costs()) if orders else None
        queue = StudyQueue(study, in_flight=in_flight, warm_starts=warm_starts, clock=lambda: machine.now)

        def note() -> None:
            points.append(Point(study.state.hypervolume, machine.now, machine.compute_s))
            ended(study.trials[-1])

        machine.run(queue, note)
        twice = sum(count > 1 for count in machine.built.values())
        supposed = sum(not world.is_known(trial.recipe) for trial in study.trials)
    trials = tuple(study.trials)
    return Curve(tuple(points), supposed, trials, machine.waiting_s, machine.idle_s, twice)


def replay_all(
    world: Recorded,
    config: SweepConfig,
    slots: int,
    count: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Curve]:
    """Replay `count` times, each with another seed of the sampler; see `replay`.

    Args:
        world: What trials cost and find.
        config: How is searched.
        slots: How many trials run at once.
        count: How often.
        on_progress: Told how many trials have ended, and of how many.
    """
    total, done = count * (config.search.trials or config.space.size(compressed=True) + 1), 0

    def ended(trial: Trial) -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    seeds = [config.search.seed + index for index in range(count)]
    each = [replace(config, search=config.search.model_copy(update={"seed": seed})) for seed in seeds]
    return [replay(world, one, slots, ended) for one in each]
