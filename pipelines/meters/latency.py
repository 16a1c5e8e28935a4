"""Latency of the exported file, paired with the reference's and the parent's."""

from __future__ import annotations

from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric


class Latency:
    """Milliseconds for one call of the file, and their ratios to the teacher's and the parent's in the same rounds.

    With one thread the clock is the process' own time, which other processes do not lengthen; with several it is the
    wall's. How rounds are taken is said in `pipelines.bench`; `benchmarks/fidelity.py` compares it with a plain mean.
    Noise that could not be overcome stands in the note ``latency.noise``.
    """

    running = True
    metrics: tuple[Metric, ...] = (
        Metric("latency_ms", "minimize", "low quantile (p10) of one call's duration", of_structure=True),
        Metric(
            "latency_ratio",
            "minimize",
            "latency relative to the exported teacher's in the same rounds",
            of_structure=True,
        ),
        Metric(
            "latency_vs_parent",
            "minimize",
            "latency relative to the same recipe's without its last step",
            of_structure=True,
        ),
        Metric("latency_wall_p50_ms", "minimize", "median of one call's duration on the wall clock", of_structure=True),
        Metric(
            "latency_wall_p90_ms",
            "minimize",
            "90 % quantile of one call's duration on the wall clock",
            of_structure=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        return candidate.running(self.metrics, "latency.")
