"""What the exported file consists of: parameters, and multiplications for one input."""

from __future__ import annotations

from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.onnxfile.graph import Graph
from pipelines.runtimes import to_feed
from pipelines.tasks.task import to_batch


class Complexity:
    """Parameters of the file, and its multiply-accumulate operations for one input. Neither says how fast it is.

    A network with fewer operations may well be slower, so they are shown and cannot be an objective. A file with
    shapes that cannot be found out has no number of them, and the note ``macs`` says why.
    """

    metrics: tuple[Metric, ...] = (
        Metric(
            "parameters",
            "minimize",
            "weights of the network, each counted once, whatever its bits",
            of_structure=True,
            exact=True,
        ),
        Metric(
            "macs",
            "minimize",
            "multiplications of convolutions and products for one input",
            objective=False,
            absence=lambda: "",
            of_structure=True,
            exact=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        with candidate.lease.shared():
            graph = Graph(candidate.artifact.path, to_feed(to_batch(candidate.task.example_input(), 1)))
            metrics = {"parameters": float(graph.parameters())}
            try:
                return Measurement({**metrics, "macs": float(graph.macs())})
            except LookupError as error:
                return Measurement(metrics, notes={"macs": f"not available: {error.args[0]}"})
