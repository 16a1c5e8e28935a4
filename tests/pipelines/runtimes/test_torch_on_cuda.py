from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.formats import TorchExportFormat
from pipelines.runtimes import Artifact, GpuSession, Target, TorchRuntime, to_feed
from pipelines.runtimes.torch_on_cuda import TorchCudaSession, float32_products


class FakeDevice:
    """A GPU that is the CPU: its log says what was asked of it, and its events are 2 ms apart."""

    name = "cpu"

    def __init__(self, spoil: Callable[[Any], Any] = lambda output: output) -> None:
        self.log: list[str] = []
        self._spoil = spoil

    def compiled(self, module: Any) -> Callable[..., Any]:
        self.log.append("compile")
        return lambda *inputs: self._spoil(module(*inputs))

    def captured(self, call: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        self.log.append("capture")
        output = call().detach()

        def replay() -> None:
            self.log.append("replay")
            output.copy_(call().detach())

        return replay, output

    def event(self) -> Any:
        device = self

        class Event:
            def record(self) -> None:
                device.log.append("event")

            def elapsed_time(self, other: Event) -> float:
                return 2.0

        return Event()

    def synchronize(self) -> None:
        self.log.append("wait")

    def peak_bytes(self) -> int:
        return 1000


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2)).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 1, 8, 8)


def test_what_is_only_scored_is_not_compiled(network: nn.Module, images: torch.Tensor) -> None:
    device = FakeDevice()
    found = TorchCudaSession(network, tf32=False, device=device).run(to_feed(images))
    np.testing.assert_array_equal(found, network(images).detach().numpy())
    assert device.log == []


def test_the_first_timed_run_compiles_and_captures_and_says_so(network: nn.Module, images: torch.Tensor) -> None:
    device = FakeDevice()
    session = TorchCudaSession(network, tf32=False, device=device)
    assert isinstance(session, GpuSession)
    session.timed_run(to_feed(images))
    assert device.log[:2] == ["compile", "capture"]
    assert session.notes["latency.graph"] == "replayed in a CUDA graph"
    assert session.notes["latency.compile"].endswith(" s to compile when loaded, or to find it in a cache")
    device.log.clear()
    session.timed_run(to_feed(images))
    assert "compile" not in device.log
    assert session.peak_bytes() == 1000


def test_the_gpus_duration_lies_between_events_that_no_launch_delays(network: nn.Module, images: torch.Tensor) -> None:
    device = FakeDevice()
    session = TorchCudaSession(network, tf32=False, device=device)
    session.timed_run(to_feed(images))
    device.log.clear()
    timing = session.timed_run(to_feed(images))
    assert device.log == ["replay", "wait", "replay", "event", "replay", "event", "wait"]
    assert timing.own_ms == 2.0
    assert timing.wall_ms > 0


def test_calls_in_a_row_are_waited_for_once(network: nn.Module, images: torch.Tensor) -> None:
    device = FakeDevice()
    session = TorchCudaSession(network, tf32=False, device=device)
    session.timed_run(to_feed(images))
    device.log.clear()
    session.repeat(to_feed(images), 3)
    assert device.log == ["replay"] * 3 + ["wait"]


def test_other_values_of_a_captured_batch_give_their_own_outputs(network: nn.Module, images: torch.Tensor) -> None:
    session = TorchCudaSession(network, tf32=False, device=FakeDevice())
    session.timed_run(to_feed(images))
    others = torch.rand_like(images)
    np.testing.assert_array_equal(session.run(to_feed(others)), network(others).detach().numpy())
    fewer = others[:2]
    np.testing.assert_allclose(session.run(to_feed(fewer)), network(fewer).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_compiled_program_that_does_something_else_fails_the_trial(network: nn.Module, images: torch.Tensor) -> None:
    session = TorchCudaSession(network, tf32=False, device=FakeDevice(spoil=lambda output: output * 1.5))
    with pytest.raises(TrialFailed, match="the compiled program does not do what the file does: outputs differ by up"):
        session.timed_run(to_feed(images))


def test_what_cannot_be_compiled_fails_the_trial_with_one_line(network: nn.Module, images: torch.Tensor) -> None:
    def refuse(output: Any) -> Any:
        raise RuntimeError("operator is not supported\nand a page of hints")

    session = TorchCudaSession(network, tf32=False, device=FakeDevice(spoil=refuse))
    reason = "PyTorch cannot compile the file, or not capture it: operator is not supported$"
    with pytest.raises(TrialFailed, match=reason):
        session.timed_run(to_feed(images))


@pytest.mark.parametrize("tf32", [True, False])
def test_tf32_is_what_the_file_says_and_nobody_elses_setting_changes(tf32: bool) -> None:
    products, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, cudnn.allow_tf32
    with float32_products(tf32):
        assert products.allow_tf32 is cudnn.allow_tf32 is tf32
    assert (products.allow_tf32, cudnn.allow_tf32) == before


def test_it_is_set_for_whoever_uses_torchs_newer_way_too() -> None:
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision
    try:
        convolutions.fp32_precision = "ieee"  # now the older way refuses to answer
        with float32_products(True):
            assert convolutions.fp32_precision == "tf32"
        assert convolutions.fp32_precision == "ieee"
    finally:
        convolutions.fp32_precision = before


@pytest.mark.gpu
@pytest.mark.parametrize("tf32", [True, False])
def test_a_gpu_computes_what_the_network_does(exported, tmp_path: Path, tf32: bool) -> None:
    TorchExportFormat().export(exported.model, (torch.zeros(1, 1, 8, 8),), tmp_path / "model.pt2")
    session = TorchRuntime().load(Artifact(tmp_path / "model.pt2", "torch-export"), Target("torch", "cuda", batch=4))
    images = torch.rand(4, 1, 8, 8)
    expected = exported.model(images).detach().numpy()
    assert session.timed_run(to_feed(images)).own_ms > 0
    for some in (images, images[:3]):  # captured, and not
        np.testing.assert_allclose(session.run(to_feed(some)), expected[: len(some)], rtol=0.01, atol=0.01)
    assert session.peak_bytes() > 0
