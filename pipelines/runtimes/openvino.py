"""OpenVINO on the CPU; comes with the extra `openvino`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.errors import TrialFailed
from pipelines.extra import missing, without_telemetry
from pipelines.runtimes.artifact import Artifact
from pipelines.runtimes.runtime import Feed
from pipelines.runtimes.target import Target
from pipelines.runtimes.timing import Timing, timed_on_cpu

OPTIONS = {
    # Left to itself OpenVINO computes in bf16 where the processor can, and says nothing: other outputs, other times.
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    # Pinned threads of several trials would all sit on the same cores.
    "ENABLE_CPU_PINNING": False,
}
"""Source: OpenVINO documentation, "CPU Device" and "High-level Performance Hints"."""

SCRIPT = """\
# Runs {file} with OpenVINO alone: pip install openvino numpy
import sys
from pathlib import Path

import numpy as np

sys.modules["openvino_telemetry"] = None  # or OpenVINO reports its use over the network
import openvino
options = {options}
model = openvino.Core().compile_model(str(Path(__file__).with_name("{file}")), "CPU", options)
feed = {feed}  # zeros: put your inputs here
print(model(feed)[0])
"""


class OpenVino:
    """Executes ONNX files with OpenVINO's CPU plugin, in single precision unless the file says 8 bits."""

    name = "openvino"
    format = "onnx"
    packages: tuple[str, ...] = ("openvino",)
    devices: tuple[str, ...] = ("cpu",)
    needs_torch = False

    def problem(self, device: str) -> str | None:
        """See `Runtime.problem`."""
        return None

    def load(self, artifact: Artifact, target: Target) -> OpenVinoSession:
        """See `Runtime.load`."""
        if problem := missing(self.packages):
            raise TrialFailed(problem)
        without_telemetry()
        import openvino

        core = openvino.Core()
        try:
            model = core.compile_model(
                core.read_model(str(artifact.path)), "CPU", {**OPTIONS, "INFERENCE_NUM_THREADS": target.threads}
            )
        except Exception as error:  # OpenVINO raises RuntimeError and, for what its frontends say, others
            raise TrialFailed(f"OpenVINO cannot load the file: {error}") from error
        return OpenVinoSession(model.create_infer_request())

    def script(self, file: str, feed: str, target: Target) -> str:
        """See `Runtime.script`."""
        return SCRIPT.format(file=file, feed=feed, options=_options(target))


def _options(target: Target) -> dict[str, Any]:
    return {**OPTIONS, "INFERENCE_NUM_THREADS": target.threads}


class OpenVinoSession:
    """See `Session`."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def run(self, feed: Feed) -> np.ndarray:
        """See `Session.run`."""
        # Inputs need no copy, for the call ends before they can change; the next call writes over a shared output.
        outputs: np.ndarray = self._request.infer(feed, share_inputs=True)[0]
        return outputs

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        """See `Session.run_all`."""
        found = self._request.infer(feed, share_inputs=True)
        return {output.get_any_name(): values for output, values in found.items()}

    def timed_run(self, feed: Feed) -> Timing:
        """See `Session.timed_run`."""
        return timed_on_cpu(self.run, feed)
