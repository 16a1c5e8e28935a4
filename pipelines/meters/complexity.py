"""Complexity of the exported file: parameters, and multiplications for one input."""

from __future__ import annotations

from pipelines.formats import FORMATS
from pipelines.ledger import EXAMINING, spending
from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.runtimes import to_feed
from pipelines.tasks.task import to_batch


class Complexity:
    """Parameters of the file, and its multiply-accumulate operations for one input. Neither says how fast it is.

    A network with fewer operations may well be slower, so they are shown and cannot be an objective. What a file's
    format does not tell, or this file does not (its shapes cannot be found out), has no number, and a note says why.
    """

    running = False
    metrics: tuple[Metric, ...] = (
        Metric(
            "parameters",
            "minimize",
            "weights of the network, each counted once, whatever its bits",
            absence=lambda target: "",
            of_structure=True,
            exact=True,
        ),
        Metric(
            "macs",
            "minimize",
            "multiplications of convolutions and products for one input",
            objective=False,
            absence=lambda target: "",
            of_structure=True,
            exact=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        written_as = FORMATS[candidate.artifact.format]
        lacking = {name: f"not available: {reason}" for name, reason in written_as.lacks.items()}
        with spending(EXAMINING), candidate.lease.shared():
            found = written_as.complexity(candidate.artifact.path, to_feed(to_batch(candidate.task.example_input(), 1)))
        return Measurement({}, notes=lacking) | found
