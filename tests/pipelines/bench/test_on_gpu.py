from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipelines.bench.on_gpu import FIRST, GpuWatch, memory, row
from pipelines.formats import artifact_in, format_of
from pipelines.gpu import Gpu, lease_name
from pipelines.lease import Lease
from pipelines.meters import METRICS, Candidate
from pipelines.runtimes import RUNTIMES, Target
from pipelines.tasks.task import as_tuple
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


@pytest.mark.gpu
@pytest.mark.parametrize("runtime", [name for name, each in RUNTIMES.items() if "cuda" in each.devices])
@pytest.mark.parametrize("batch", [1, 32])
def test_a_file_is_measured_on_a_gpu_by_a_process_of_its_own(
    fresh_cnn, tiny, store, tmp_path: Path, runtime: str, batch: int
) -> None:
    target, written, artifacts = Target(runtime, "cuda", batch), format_of(runtime), []
    for width in (16, 64):
        (tmp_path / str(width)).mkdir()
        artifacts.append(artifact_in(tmp_path / str(width), written.name))
        written.export(fresh_cnn(width=width), as_tuple(tiny.example_input()), artifacts[-1].path)
    candidate = Candidate(
        artifacts[0], artifacts[1], artifacts[1], tiny, target, store, lease=Lease(lease_name(target))
    )
    found = candidate.running(METRICS.values(), "latency.")
    assert found.notes["latency.graph"] == "replayed in a CUDA graph"
    assert f", {Gpu.visible().name}, driver " in found.notes["latency.conditions"]
    assert found.metrics["latency_ms"] > 0
    assert found.metrics["latency_ratio"] == found.metrics["latency_vs_parent"] > 0
    # Calls in a row are told in advance, so that no launch is waited for: at least as many as on the host's clock.
    assert found.metrics["throughput"] > 0.5 * batch * 1000 / found.metrics["latency_wall_p50_ms"]
    for name in ("energy_mj", "gpu_memory_mb"):
        assert found.metrics.get(name, 1) > 0
        assert (name in found.metrics) is not (name in candidate.running((), name).notes)
    assert candidate.lease.alone_s > 0
