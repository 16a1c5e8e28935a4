"""Memory that the exported file needs while it runs."""

from __future__ import annotations

from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric


class Memory:
    """The rise of the resident memory of a process that does nothing but load the file and call it once."""

    running = True
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
