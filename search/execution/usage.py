"""The usage of a worker's process while it works on a long trial: the system metrics of the trial's run.

They are taken where the work is done: the driver sees no process of another machine, and the numbers of a whole
machine would mix the trials that share it.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import torch

from search.study.trial import Series

EVERY_S = 10.0
"""The distance of the first points; a trial shorter than that has none."""

POINTS = 60
"""With more points than these every second one is dropped and their distance doubled: a result stays small."""

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6 if hasattr(os, "sysconf") else 0.0


class Usage:
    """Samples its own process from a thread, as long as its context lasts.

    Args:
        every_s: The distance of the first points.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._points: dict[str, list[tuple[float, float]]] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="usage", daemon=True)

    def __enter__(self) -> Usage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def series(self) -> Series:
        """The usage that was seen."""
        return {name: tuple(points) for name, points in self._points.items()}

    def _sample(self) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        while not self._done.wait(self._every_s):
            now, used = time.monotonic(), time.process_time()
            for name, value in {"cpu_cores": (used - cpu) / (now - wall), **_memory()}.items():
                self._points.setdefault(name, []).append((time.time(), value))
            wall, cpu = now, used
            if len(next(iter(self._points.values()))) > POINTS:
                self._points = {name: points[::2] for name, points in self._points.items()}
                self._every_s *= 2


def _memory() -> dict[str, float]:
    """Megabytes of memory that are resident, where the system tells, and that torch holds on GPUs, if it does."""
    found = {}
    statm = Path("/proc/self/statm")
    if statm.exists():
        found["memory_mb"] = int(statm.read_text().split()[1]) * PAGE_MB
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        found["gpu_memory_mb"] = sum(map(torch.cuda.memory_reserved, range(torch.cuda.device_count()))) / 1e6
    return found
