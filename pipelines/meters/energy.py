"""Energy of one call of the exported file, where the machine counts it."""

from __future__ import annotations

from pipelines.bench.rapl import Counters
from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric


def absence() -> str:
    """Return why this machine cannot measure energy; empty if it can."""
    return Counters().absence()


class Energy:
    """Millijoules of all processor packages over many calls in a row, by their own counters; at rest included.

    Without counters there is no number, and the note ``energy_mj`` says why.
    """

    metrics: tuple[Metric, ...] = (
        Metric(
            "energy_mj", "minimize", "millijoules of the processors for one call", absence=absence, of_structure=True
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        return candidate.running(self.metrics, "energy_mj")
