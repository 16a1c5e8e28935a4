from collections.abc import Callable

import numpy as np
import pytest

from pipelines.runtimes import Timing, timed_on_cpu


class Machine:
    """A processor with two clocks, which go on only when a session runs."""

    def __init__(self) -> None:
        self.cpu_ns = self.wall_ns = 0

    def cpu(self) -> int:
        return self.cpu_ns

    def wall(self) -> int:
        return self.wall_ns

    def work(self, ms: float, slowdown: float = 1.0) -> None:
        self.cpu_ns += round(ms * 1e6)
        self.wall_ns += round(ms * slowdown * 1e6)


class Timed:
    """A session whose n-th call takes ``ms(n)`` of its own time, and `slowdown` times that on the wall."""

    def __init__(self, machine: Machine, ms: float | Callable[[int], float], slowdown: float = 1.0) -> None:
        self.machine, self.slowdown, self.calls = machine, slowdown, 0
        self.ms = ms if callable(ms) else lambda n: ms

    def timed_run(self, feed: dict[str, np.ndarray]) -> Timing:
        return timed_on_cpu(self.run, feed, self.machine.cpu, self.machine.wall)

    def run(self, feed: dict[str, np.ndarray]) -> np.ndarray:
        self.machine.work(self.ms(self.calls), self.slowdown)
        self.calls += 1
        return np.zeros((1, 1), np.float32)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def timed(machine: Machine) -> Callable[..., Timed]:
    return lambda ms, slowdown=1.0: Timed(machine, ms, slowdown)
