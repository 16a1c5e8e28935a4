"""Latency of the exported file, paired with the reference's."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable

import numpy as np

from pipelines.meters.measurement import Measurement
from pipelines.meters.meter import Metric, Subject
from pipelines.runtimes import Feed, Session, to_feed
from pipelines.task import to_batch

ROUNDS = 31
"""Visits to each of the two files; fewer than 25 leave the low quantile unsteady."""

VISIT_MS = 4.0
"""How long one visit lasts for a fast network; a slow one is run twice."""

QUANTILE = 0.10
"""A low quantile is what a busy machine disturbs least; a mean under load can be off by a factor of two."""


class Latency:
    """Milliseconds for one call of the file, and their ratio to the exported teacher's in the same rounds.

    The file and the teacher's are visited in turn, in random order; the first call of a visit is dropped. With one
    thread the clock is the thread's own processor time, which other processes do not lengthen; with several it is the
    wall's. `benchmarks/fidelity.py` compares estimators.
    """

    metrics: tuple[Metric, ...] = (
        Metric("latency_ms", "minimize", "low quantile (p10) of one call's duration"),
        Metric("latency_ratio", "minimize", "latency relative to the exported teacher's in the same rounds"),
        Metric("latency_wall_p50_ms", "minimize", "median of one call's duration on the wall clock"),
    )

    def measure(self, subject: Subject) -> Measurement:
        """See `Meter.measure`."""
        threads = subject.target.threads
        candidate = subject.runtime.load(subject.file, threads)
        reference = subject.runtime.load(subject.reference, threads)
        feed = to_feed(to_batch(subject.task.example_input(), subject.target.batch))
        clock = time.thread_time_ns if threads == 1 else time.perf_counter_ns
        times = paired_times([candidate, reference], feed, clock)
        own_ms, reference_ms = (float(np.quantile(runs[:, 0], QUANTILE)) for runs in times)
        return Measurement(
            {
                "latency_ms": own_ms,
                "latency_ratio": own_ms / reference_ms,
                "latency_wall_p50_ms": float(np.median(times[0][:, 1])),
            }
        )


def paired_times(sessions: list[Session], feed: Feed, clock: Callable[[], int]) -> list[np.ndarray]:
    """Time calls of several sessions in turn, so that whatever disturbs the machine disturbs all alike.

    Args:
        sessions: What to time.
        feed: What each is called with.
        clock: Nanoseconds.

    Returns:
        For each session the milliseconds of its calls, shape (calls, 2): by `clock`, and by the wall clock.
    """
    calls = [_calls_per_visit(session, feed) for session in sessions]
    times: list[list[tuple[float, float]]] = [[] for _ in sessions]
    order = random.Random(0)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for index in order.sample(range(len(sessions)), len(sessions)):
                session = sessions[index]
                session.run(feed)
                for _ in range(calls[index]):
                    wall, start = time.perf_counter_ns(), clock()
                    session.run(feed)
                    stop, wall_stop = clock(), time.perf_counter_ns()
                    times[index].append(((stop - start) / 1e6, (wall_stop - wall) / 1e6))
    finally:
        if collecting:
            gc.enable()
    return [np.array(runs) for runs in times]


def _calls_per_visit(session: Session, feed: Feed) -> int:
    """How many timed calls fill a visit, from a short trial run that also warms the session up."""
    durations = []
    for _ in range(5):
        start = time.perf_counter_ns()
        session.run(feed)
        durations.append((time.perf_counter_ns() - start) / 1e6)
    return max(1, min(40, int(VISIT_MS / min(durations)) - 1))
