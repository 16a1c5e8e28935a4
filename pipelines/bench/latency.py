"""Latency from paired rounds: as many as its interval needs, as few as others' waiting allows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.bench.conditions import throttled
from pipelines.bench.estimate import WALL, Estimate, clock_of, contention, estimate, quiet, shows_contention
from pipelines.bench.job import Job
from pipelines.bench.load import Load
from pipelines.bench.rounds import Rounds
from pipelines.measurement import Measurement
from pipelines.runtimes import Target
from spaces import counted

VISITS = 25
"""Fewer visits of the session that is visited most often leave a low quantile unsteady."""

FEW = 9
"""So many rounds are enough if they were not disturbed and leave an interval of half a tie."""

MORE = 10
"""Visits of the session that is visited most often that are added at a time."""

AGAIN = 2
"""Where there are not enough undisturbed rounds among this many times as many, there will be none: others wait."""

LONGER = 3
"""After this many times what the first rounds took, more of them hardly narrow an interval: others wait."""

TIE = 0.03
"""Latencies within this share of each other are a tie: intervals need not be narrower."""

LIMIT_S = 60.0
"""After this not even the first rounds are finished: others wait."""

BUSY, BUSY_SHARE = 0.5, 0.1
"""Processors kept busy by others, and their share of all, from which on it is told as noise."""

SKETCH = 200
"""Resamples, while it is only asked whether more rounds are needed."""


@dataclass(frozen=True)
class Taken:
    """Times, and what the machine did while they were taken.

    Attributes:
        times: For each session milliseconds, shape (rounds, calls, 2).
        wanted: How many undisturbed rounds there should be.
        warm: Whether the warm-up's drift stopped.
        others: How many processors others kept busy; None where that is not told.
        throttled: How often processors were slowed down for heat; None where that is not told.
    """

    times: Sequence[np.ndarray]
    wanted: int
    warm: bool
    others: float | None
    throttled: int | None


def take(
    rounds: Rounds,
    target: Target,
    budget_s: float,
    clock: Callable[[], float] = time.perf_counter,
    steady: Callable[[], bool] = lambda: True,
) -> tuple[Taken, Estimate]:
    """Warm up and time rounds until the interval is no wider than a tie, or the budget is spent.

    Rounds that other processes disturbed do not count: they are taken again, unless that goes on and on.

    Args:
        rounds: What is timed.
        target: Where.
        budget_s: How long to go on for a narrower interval, beyond the first rounds.
        clock: The wall clock.
        steady: Whether the device's clocks are steady, as far as it tells: the warm-up waits for that, too.
    """
    load, hot = Load.now(), throttled()
    warm = rounds.warm_up(steady)
    wanted, began = rounds.holding(VISITS), clock()

    def is_over() -> bool:
        return clock() - began > LIMIT_S

    first = min(FEW, wanted)
    rounds.add(first, until=is_over)
    if not is_over() and _enough(rounds.times, target, first, TIE / 2):
        wanted = first
    elif not is_over():
        rounds.add(wanted - first, until=is_over)
    took_s = clock() - began
    ends = began + min(took_s + min(budget_s, (LONGER - 1) * took_s), LIMIT_S)
    while not _enough(rounds.times, target, wanted, TIE) and clock() < ends:
        rounds.add(rounds.holding(MORE), until=lambda: clock() > ends)
    later_hot = throttled()
    heat = None if hot is None or later_hot is None else later_hot - hot
    taken = Taken(rounds.times, wanted, warm, Load.now().others_since(load), heat)
    return taken, estimate(kept(taken, target), clock_of(target))


def kept(taken: Taken, target: Target) -> list[np.ndarray]:
    """The rounds that count: the undisturbed ones if there are enough of them, all otherwise."""
    return _kept(taken.times, target, taken.wanted)


def _kept(times: Sequence[np.ndarray], target: Target, wanted: int) -> list[np.ndarray]:
    mask = quiet(times, target)
    return [runs[mask] for runs in times] if mask.sum() >= wanted else list(times)


def _enough(times: Sequence[np.ndarray], target: Target, wanted: int, half_width: float) -> bool:
    if quiet(times, target).sum() < wanted and len(times[0]) < AGAIN * wanted:
        return False
    return estimate(_kept(times, target, wanted), clock_of(target), SKETCH).half_width <= half_width


def report(taken: Taken, found: Estimate, job: Job, conditions: str, disturbed: Sequence[str] = ()) -> Measurement:
    """The numbers of `taken` and what is to be said of them.

    Args:
        taken: The times.
        found: What follows from them.
        job: What was measured.
        conditions: Under what conditions.
        disturbed: What else may have disturbed the times.
    """
    wall = kept(taken, job.target)[0][:, :, WALL]
    value = {each: index for index, each in enumerate(job.artifacts)}
    metrics = {
        "latency_ms": float(found.values[0]),
        "latency_wall_p50_ms": float(np.quantile(wall, 0.5)),
        "latency_wall_p90_ms": float(np.quantile(wall, 0.9)),
    }
    intervals = {"latency_ms": _ends(found.intervals[0])}
    for name, other in (("latency_ratio", job.reference), ("latency_vs_parent", job.parent)):
        # A file beside itself is 1 without a doubt.
        metrics[name] = float(found.values[value[other]]) if value[other] else 1.0
        intervals[name] = _ends(found.intervals[value[other]]) if value[other] else (1.0, 1.0)
    count, again = len(taken.times[0]), int((~quiet(taken.times, job.target)).sum())
    notes = {"latency.conditions": conditions, "latency.load": _load(taken, job.target)}
    notes["latency.rounds"] = f"{count} of {', '.join(str(runs.shape[1]) for runs in taken.times)} calls" + (
        f"; {counted(again, 'round')} disturbed by other processes" if again else ""
    )
    if noise := [*_noise(taken, found, job.target), *disturbed]:
        notes["latency.noise"] = "; ".join(noise)
    return Measurement(metrics, intervals, notes)


def _ends(interval: np.ndarray) -> tuple[float, float]:
    return float(interval[0]), float(interval[1])


def _load(taken: Taken, target: Target) -> str:
    used = "an unknown number of" if taken.others is None else f"{taken.others:.2f}"
    words = f"other processes used {used} cores"
    return words + (f", wall/CPU {np.median(contention(taken.times)):.2f}" if shows_contention(target) else "")


def _noise(taken: Taken, found: Estimate, target: Target) -> list[str]:
    """Return what could not be overcome."""
    words = []
    if found.half_width > TIE:
        words.append(f"interval ±{found.half_width:.1%}, wanted ±{TIE:.0%}")
    if quiet(taken.times, target).sum() < min(taken.wanted, len(taken.times[0])):
        words.append(f"wall/CPU {np.median(contention(taken.times)):.2f}: other processes were running")
    busy = None if target.on_gpu else taken.others  # the host's work lies between the GPU's events
    if busy is not None and busy >= max(BUSY, BUSY_SHARE * (os.cpu_count() or 1)):
        words.append(f"other processes used {busy:.1f} cores")
    if len(taken.times[0]) < taken.wanted:
        words.append(f"only {counted(len(taken.times[0]), 'round')} fit into {LIMIT_S:.0f} s, wanted {taken.wanted}")
    if not taken.warm:
        words.append("durations still drifted after the warm-up")
    if taken.throttled and not target.on_gpu:
        words.append(f"processors were throttled {counted(taken.throttled, 'time')}")
    return words
