"""Throughput of the exported file on a GPU."""

from __future__ import annotations

from pipelines.bench.on_gpu import ON_GPUS
from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.runtimes import Target


def absence(target: Target) -> str:
    """Return why throughput is not measured for `target`; empty if it is."""
    return "" if target.on_gpu else ON_GPUS["throughput"]


class Throughput:
    """Examples per second in calls of the target's batch, each of which begins without waiting for the one before.

    A GPU is told its work in advance, so that this may be more than the latency lets expect.
    """

    running = True
    metrics: tuple[Metric, ...] = (
        Metric(
            "throughput",
            "maximize",
            "examples per second at the target's batch, calls following each other without a pause",
            absence=absence,
            devices=("cuda",),
            of_structure=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        return candidate.running(self.metrics, "throughput")
