"""Memory that the exported file needs while it runs."""

from __future__ import annotations

from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric


class Memory:
    """How far loading the file and one call raise the resident memory of a process that does nothing else."""

    metrics: tuple[Metric, ...] = (
        Metric(
            "peak_memory_mb",
            "minimize",
            "peak of resident memory for loading and one call, in 1,000,000 bytes",
            of_structure=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        return candidate.running(self.metrics)
