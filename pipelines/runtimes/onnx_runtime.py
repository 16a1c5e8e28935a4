"""ONNX Runtime on the CPU."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from pipelines.errors import TrialFailed
from pipelines.runtimes.artifact import Artifact
from pipelines.runtimes.runtime import Feed
from pipelines.runtimes.target import Target
from pipelines.runtimes.timing import Timing, timed_on_cpu

SCRIPT = """\
# Runs {file} with ONNX Runtime alone: pip install onnxruntime numpy
from pathlib import Path

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = {threads}
file = Path(__file__).with_name("{file}")
session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
feed = {feed}  # zeros: put your inputs here
print(session.run(None, feed)[0])
"""


class OnnxRuntime:
    """Executes ONNX files with all graph optimisations on: below that, CNNs run at half the speed."""

    name = "onnxruntime"
    format = "onnx"
    packages: tuple[str, ...] = ("onnxruntime",)
    devices: tuple[str, ...] = ("cpu",)

    def load(self, artifact: Artifact, target: Target) -> OnnxSession:
        """See `Runtime.load`."""
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = target.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what it refuses it raises, too
        try:
            session = ort.InferenceSession(str(artifact.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common base below Exception
            raise TrialFailed(f"ONNX Runtime cannot load the file: {error}") from error
        return OnnxSession(session)

    def script(self, file: str, feed: str, target: Target) -> str:
        """See `Runtime.script`."""
        return SCRIPT.format(file=file, feed=feed, threads=target.threads)


class OnnxSession:
    """See `Session`."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session

    def run(self, feed: Feed) -> np.ndarray:
        """See `Session.run`."""
        output: np.ndarray = self._session.run(None, feed)[0]
        return output

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        """See `Session.run_all`."""
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(None, feed), strict=True))

    def timed_run(self, feed: Feed) -> Timing:
        """See `Session.timed_run`."""
        return timed_on_cpu(self.run, feed)
