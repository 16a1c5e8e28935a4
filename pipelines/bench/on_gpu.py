"""A file that runs on a GPU: what its driver and the runtime tell beside durations."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from pipelines.gpu import Gpu
from pipelines.measurement import Measurement
from pipelines.runtimes import Feed, GpuSession
from spaces import counted

ROW_S = 1.0
"""How long calls are repeated without waiting: the energy counter moves ten times a second on some GPUs."""

FIRST = 10
"""Calls by which it is estimated how many that is."""

STEADY = 0.01
"""Clocks within this share of each other are equal."""


ON_GPUS = {
    "throughput": "it is measured on GPUs only; on a CPU, calls one after another take latency_ms each",
    "gpu_memory_mb": "the target is no GPU",
}
"""The metrics of GPUs, with what is to be said of them elsewhere."""


class GpuWatch:
    """Looks at a GPU while files run on it.

    Args:
        gpu: The GPU; nobody else is to use it meanwhile.
        now_s: Seconds since the epoch.
    """

    def __init__(self, gpu: Gpu, now_s: Callable[[], float] = time.time) -> None:
        self._gpu, self._since_us = gpu, int(now_s() * 1e6)
        self._mhz: int | None = None
        self._slowed: dict[str, None] = {}

    def steady(self) -> bool:
        """Return True if the clock is what it was when this was asked before, or the driver does not tell it."""
        before, self._mhz = self._mhz, self._gpu.clock_mhz()
        self._slowed |= dict.fromkeys(self._gpu.slowed_by() or ())
        if self._mhz is None:
            return True
        return before is not None and abs(self._mhz - before) <= STEADY * before

    def conditions(self) -> str:
        """The GPU, its driver and its clock, in words."""
        mhz = self._gpu.clock_mhz()
        return f"{self._gpu.name}, driver {self._gpu.driver}" + (f", {mhz} MHz" if mhz else "")

    def noise(self) -> list[str]:
        """Return what may have disturbed the durations since it was made."""
        words = []
        self._slowed |= dict.fromkeys(self._gpu.slowed_by() or ())
        if self._slowed:
            words.append(f"the GPU's clocks were held down by {' and '.join(self._slowed)}")
        mhz = self._gpu.clock_mhz()
        if mhz and self._mhz and abs(mhz - self._mhz) > 3 * STEADY * self._mhz:
            words.append(f"the GPU's clock went from {self._mhz} to {mhz} MHz")
        if others := self._gpu.busy_processes(self._since_us, os.getpid()):
            words.append(f"{counted(len(others), 'other process')} computed on the GPU")
        return words


def row(session: GpuSession, feed: Feed, gpu: Gpu, clock: Callable[[], float] = time.perf_counter) -> Measurement:
    """Throughput and energy of calls one after another, without waiting in between.

    Args:
        session: One that has been timed with `feed`.
        feed: One batch.
        gpu: Where it runs, and nothing else.
        clock: The wall clock.
    """
    began = clock()
    session.repeat(feed, FIRST)
    count = max(FIRST, int(ROW_S * FIRST / max(clock() - began, 1e-9)))
    before_mj, began = gpu.energy_mj(), clock()
    session.repeat(feed, count)
    spent_s, after_mj = clock() - began, gpu.energy_mj()
    examples = len(next(iter(feed.values())))
    throughput = Measurement({"throughput": examples * count / spent_s})
    if before_mj is None or after_mj is None:
        return throughput | Measurement({}, notes={"energy_mj": "not available: the GPU's driver does not count it"})
    return throughput | Measurement({"energy_mj": (after_mj - before_mj) / count})


def memory(session: GpuSession, gpu: Gpu) -> Measurement:
    """The GPU memory of this process, in which nothing but `session` has used the GPU."""
    found = session.peak_bytes()
    found = gpu.memory_bytes(os.getpid()) if found is None else found
    if found is None:
        why = "the runtime does not count it, and the GPU's driver does not tell it of this process"
        return Measurement({}, notes={"gpu_memory_mb": f"not available: {why}"})
    return Measurement({"gpu_memory_mb": found / 1e6})
