"""Energy of one call of the exported file, where the machine counts it."""

from __future__ import annotations

from pipelines.bench.rapl import Counters
from pipelines.errors import TrialFailed
from pipelines.gpu import Gpu
from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.runtimes import Target


def absence(target: Target) -> str:
    """Return why this machine cannot measure energy on the device of `target`; empty if it can."""
    if not target.on_gpu:
        return Counters().absence()
    try:
        return "" if Gpu.visible().energy_mj() is not None else "the GPU's driver does not count it"
    except TrialFailed as error:
        return error.reason


class Energy:
    """Millijoules over many calls in a row, by the device's own counters; at rest included.

    On a CPU they are those of all processor packages, on a GPU that of the whole card. Without counters there is no
    number, and the note ``energy_mj`` says why.
    """

    running = True
    metrics: tuple[Metric, ...] = (
        Metric(
            "energy_mj",
            "minimize",
            "millijoules of the processors, or of the GPU, for one call",
            absence=absence,
            of_structure=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        return candidate.running(self.metrics, "energy_mj")
