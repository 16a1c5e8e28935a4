"""GPU memory that the exported file needs while it runs."""

from __future__ import annotations

from pipelines.bench.on_gpu import ON_GPUS
from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.runtimes import Target


def absence(target: Target) -> str:
    """Return why there is no GPU memory to measure for `target`; empty if there may be."""
    return "" if target.on_gpu else ON_GPUS["gpu_memory_mb"]


class GpuMemory:
    """The GPU memory that a process holds which does nothing but load the file and call it.

    PyTorch tells the most that its tensors held; of ONNX Runtime the driver tells what its process holds, with what
    CUDA itself needs. So it is compared within one runtime.
    """

    running = True
    metrics: tuple[Metric, ...] = (
        Metric(
            "gpu_memory_mb",
            "minimize",
            "peak of GPU memory for loading and calls, in 1,000,000 bytes",
            absence=absence,
            devices=("cuda",),
            of_structure=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        return candidate.running(self.metrics, "gpu_memory_mb")
