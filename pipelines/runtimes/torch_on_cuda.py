"""A program of ``torch.export`` on a GPU: compiled for the batch that is timed, and replayed in a CUDA graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipelines.errors import TrialFailed
from pipelines.runtimes.runtime import OUTPUT, Feed
from pipelines.runtimes.timing import Timing

WARM_UP = 3
"""Calls before a capture, in which libraries choose their kernels and take their memory."""

CLOSE = {"float16": 0.05, "bfloat16": 0.1}
"""How far outputs of the compiled program may be from the program's own, as a share of the largest one, by the widest
type of few bits that it computes in. Compiled code rounds less often."""

CLOSE_FLOAT = 0.01


class Device(Protocol):
    """The operations of a GPU that a session needs: `Cuda`, or what stands in for it.

    Attributes:
        name: What torch calls it.
    """

    name: str

    def compiled(self, module: Any) -> Callable[..., Any]:
        """`module`, compiled when it is first called with inputs of some shapes."""

    def captured(self, call: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """Capture `call`: what replays it, and its result, which each replay writes anew."""

    def event(self) -> Any:
        """A moment in the device's queue, with ``record`` and ``elapsed_time``."""

    def synchronize(self) -> None:
        """Wait until the device has done all it was told to do."""

    def peak_bytes(self) -> int:
        """The most memory that tensors of this process held there."""


class Cuda:
    """See `Device`."""

    name = "cuda"

    def compiled(self, module: Any) -> Callable[..., Any]:
        """See `Device.compiled`."""
        import torch

        return torch.compile(module, dynamic=False)

    def captured(self, call: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        """See `Device.captured`."""
        import torch

        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                call()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = call()
        return graph.replay, output

    def event(self) -> Any:
        """See `Device.event`."""
        import torch

        return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def synchronize(self) -> None:
        """See `Device.synchronize`."""
        import torch

        torch.cuda.synchronize()

    def peak_bytes(self) -> int:
        """See `Device.peak_bytes`."""
        import torch

        return torch.cuda.max_memory_reserved()


@dataclass(frozen=True)
class _Captured:
    """A batch's inputs and output at fixed places on the device, and what computes the one from the other."""

    inputs: tuple[Any, ...]
    output: Any
    replay: Callable[[], None]
    start: Any
    end: Any


class TorchCudaSession:
    """See `GpuSession`.

    What is only scored runs uncompiled, in any batch. The first `timed_run` of a batch compiles the program for it,
    captures that, and compares its output with the uncompiled one. Durations are the GPU's, between two events around a
    replay that waits in the queue behind another one, so that its launch is no part of it; and the host's, from the
    launch of a replay until the output is there. Sources: PyTorch documentation, "CUDA Graphs" and
    "torch.cuda.Event"; events around launches that nothing hides would measure the host.

    Args:
        module: What is called with tensors, in the order of the inputs.
        tf32: Whether products of float32 are computed in TF32.
        outputs: The names of what it gives.
        device: Where.
    """

    def __init__(
        self, module: Any, tf32: bool, outputs: tuple[str, ...] = (OUTPUT,), device: Device | None = None
    ) -> None:
        self._outputs = outputs
        self._device = device or Cuda()
        self._module, self._tf32 = module.to(self._device.name), tf32
        self._batches: dict[tuple[Any, ...], _Captured] = {}
        self.notes: Mapping[str, str] = {}

    def run(self, feed: Feed) -> np.ndarray:
        """See `Session.run`."""
        return next(iter(self.run_all(feed).values()))

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        """See `Session.run_all`."""
        import torch

        captured = self._batches.get(_shapes(feed))
        if captured is None:
            with float32_products(self._tf32), torch.no_grad():
                return self._host(self._module(*self._tensors(feed)))
        for place, array in zip(captured.inputs, feed.values(), strict=True):
            place.copy_(torch.from_numpy(array))
        captured.replay()
        return self._host(captured.output)

    def timed_run(self, feed: Feed) -> Timing:
        """See `Session.timed_run`."""
        captured, device = self._capture(feed), self._device
        start = time.perf_counter_ns()
        captured.replay()
        device.synchronize()
        wall_ms = (time.perf_counter_ns() - start) / 1e6
        captured.replay()
        captured.start.record()
        captured.replay()
        captured.end.record()
        device.synchronize()
        return Timing(float(captured.start.elapsed_time(captured.end)), wall_ms)

    def repeat(self, feed: Feed, count: int) -> None:
        """See `GpuSession.repeat`."""
        captured = self._capture(feed)
        for _ in range(count):
            captured.replay()
        self._device.synchronize()

    def peak_bytes(self) -> int | None:
        """See `GpuSession.peak_bytes`."""
        return self._device.peak_bytes()

    def _capture(self, feed: Feed) -> _Captured:
        import torch

        shapes = _shapes(feed)
        if shapes not in self._batches:
            device, began = self._device, time.perf_counter()
            inputs, call = self._tensors(feed), device.compiled(self._module)
            with float32_products(self._tf32), torch.no_grad():
                expected = self._module(*inputs)
                try:
                    call(*inputs)
                    compile_s = time.perf_counter() - began
                    replay, output = device.captured(lambda: call(*inputs))
                    replay()
                    device.synchronize()
                except Exception as error:  # the compiler's errors, Triton's and CUDA's have no common base
                    said = next(iter(str(error).splitlines()), "") or type(error).__name__
                    raise TrialFailed(f"PyTorch cannot compile the file, or not capture it: {said}") from error
            for one, other in zip(as_several(output), as_several(expected), strict=True):
                _agree(one, other, self._module)
            self._batches[shapes] = _Captured(inputs, output, replay, device.event(), device.event())
            self.notes = {
                "latency.compile": f"{compile_s:.1f} s to compile when loaded, or to find it in a cache",
                "latency.graph": "replayed in a CUDA graph",
            }
        return self._batches[shapes]

    def _tensors(self, feed: Feed) -> tuple[Any, ...]:
        import torch

        return tuple(torch.from_numpy(array).to(self._device.name) for array in feed.values())

    def _host(self, given: Any) -> dict[str, np.ndarray]:
        return {name: x.cpu().numpy() for name, x in zip(self._outputs, as_several(given), strict=True)}


def as_several(given: Any) -> tuple[Any, ...]:
    """What a program gives, one tensor or a tuple of them, as a tuple."""
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def _shapes(feed: Feed) -> tuple[Any, ...]:
    return tuple((name, array.shape, str(array.dtype)) for name, array in feed.items())


def _agree(found: Any, expected: Any, module: Any) -> None:
    """Compare the output of the compiled program with the program's own.

    Raises:
        TrialFailed: they differ by more than roundings.
    """
    import torch

    if not torch.isfinite(expected).all():
        return  # whoever scores it says so
    types = {str(tensor.dtype).removeprefix("torch.") for tensor in (*module.parameters(), *module.buffers())}
    close = max((CLOSE[name] for name in types if name in CLOSE), default=CLOSE_FLOAT)
    error, scale = float((found - expected).abs().max()), float(expected.abs().max())
    if not error <= close * scale:
        raise TrialFailed(
            f"the compiled program does not do what the file does: outputs differ by up to {error:.2g}, and are no "
            f"larger than {scale:.2g}"
        )


@contextmanager
def float32_products(tf32: bool) -> Iterator[None]:
    """Compute products of float32 in TF32, or not, as far as they are computed on a GPU.

    Torch has two ways to set it, and each refuses to tell what was set in the other. Its compiler reads the older one.
    """
    import torch

    products, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    kinds: list[tuple[Any, str, Any]] = [(products, "allow_tf32", tf32), (cudnn, "allow_tf32", tf32)]
    try:
        before = [getattr(kind, name) for kind, name, _ in kinds]
    except RuntimeError:  # somebody in this process has used the newer one
        precision = "tf32" if tf32 else "ieee"
        newer = (products, cudnn.conv, cudnn.rnn)  # type: ignore[attr-defined]
        kinds = [(kind, "fp32_precision", precision) for kind in newer]
        before = [getattr(kind, name) for kind, name, _ in kinds]
    for kind, name, value in kinds:
        setattr(kind, name, value)
    try:
        yield
    finally:
        for (kind, name, _), value in zip(kinds, before, strict=True):
            setattr(kind, name, value)
