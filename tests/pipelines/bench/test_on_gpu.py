from __future__ import annotations

import os

import numpy as np
import pytest

from pipelines.bench.on_gpu import FIRST, GpuWatch, memory, row
from pipelines.gpu import Gpu
from tests.pipelines.fake_nvml import FakeNvml

FEED = {"input": np.zeros((32, 3), np.float32)}


class FakeSession:
    """Takes 2 ms for each call, on a clock of its own."""

    def __init__(self, peak: int | None = None) -> None:
        self.now_s, self.asked, self._peak = 0.0, list[int](), peak

    def repeat(self, feed: dict[str, np.ndarray], count: int) -> None:
        self.asked.append(count)
        self.now_s += 0.002 * count

    def peak_bytes(self) -> int | None:
        return self._peak


def test_throughput_and_energy_are_of_one_second_of_calls() -> None:
    session = FakeSession()
    found = row(session, FEED, Gpu(FakeNvml(energies=[1000, 251_000]), 0), lambda: session.now_s)
    assert session.asked[0] == FIRST
    assert session.asked[1] in (499, 500)
    assert found.metrics["throughput"] == pytest.approx(32 / 0.002)
    assert found.metrics["energy_mj"] == pytest.approx(250_000 / session.asked[1])


def test_energy_that_the_driver_does_not_count_is_absent_with_the_reason() -> None:
    session = FakeSession()
    found = row(session, FEED, Gpu(FakeNvml(lacks=("energy",)), 0), lambda: session.now_s)
    assert set(found.metrics) == {"throughput"}
    assert found.notes == {"energy_mj": "not available: the GPU's driver does not count it"}


@pytest.mark.parametrize(
    ("peak", "running", "megabytes"),
    [(5_000_000, {}, 5.0), (None, {os.getpid(): 7_000_000}, 7.0), (None, {}, None)],
    ids=["the runtime tells", "the driver tells", "nobody tells"],
)
def test_memory_is_told_by_the_runtime_or_the_driver(peak, running, megabytes) -> None:
    found = memory(FakeSession(peak), Gpu(FakeNvml(running=running), 0))
    assert found.metrics.get("gpu_memory_mb") == megabytes
    assert ("gpu_memory_mb" in found.notes) is (megabytes is None)


@pytest.mark.parametrize(
    ("clocks", "steady"),
    [([500, 1200, 1980, 1975], [False, False, False, True]), ([1980, 1980], [False, True])],
    ids=["it rises", "it is at rest"],
)
def test_a_clock_is_steady_when_it_is_what_it_was(clocks: list[int], steady: list[bool]) -> None:
    watch = GpuWatch(Gpu(FakeNvml(clocks=clocks), 0))
    assert [watch.steady() for _ in steady] == steady


def test_a_driver_that_tells_no_clock_is_not_waited_for() -> None:
    watch = GpuWatch(Gpu(FakeNvml(lacks=("clock", "reasons", "processes")), 0))
    assert watch.steady()
    assert watch.noise() == []
    assert watch.conditions() == "NVIDIA H100 80GB HBM3, driver 580.1"


def test_what_disturbed_is_told() -> None:
    own = os.getpid()
    nvml = FakeNvml(clocks=[1980, 1980, 1500], reasons=4, running={own: 1, 1: 1}, busy=(own, 1))
    watch = GpuWatch(Gpu(nvml, 0))
    assert [watch.steady() for _ in range(2)] == [False, True]
    assert watch.noise() == [
        "the GPU's clocks were held down by the power limit",
        "the GPU's clock went from 1980 to 1500 MHz",
        "1 other process computed on the GPU",
    ]
    assert watch.conditions() == "NVIDIA H100 80GB HBM3, driver 580.1, 1500 MHz"
