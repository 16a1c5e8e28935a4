"""ONNX Runtime, on the CPU and on NVIDIA's GPUs."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import onnxruntime as ort

from pipelines.errors import TrialFailed
from pipelines.extra import distribution
from pipelines.runtimes.artifact import Artifact
from pipelines.runtimes.onnx_on_cuda import CUDA, OnnxCudaSession, load_libraries
from pipelines.runtimes.runtime import Feed, Session
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

CUDA_SCRIPT = """\
# Runs {file} with ONNX Runtime on an NVIDIA GPU: pip install "onnxruntime-gpu[cuda,cudnn]" numpy
from pathlib import Path

import numpy as np
import onnxruntime

onnxruntime.preload_dlls()  # CUDA's libraries from the packages nvidia-*, where they are installed
file = Path(__file__).with_name("{file}")
session = onnxruntime.InferenceSession(file, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
assert session.get_providers()[0] == "CUDAExecutionProvider", "ONNX Runtime found no GPU, or not CUDA's libraries"
feed = {feed}  # zeros: put your inputs here
print(session.run(None, feed)[0])
"""

TRY_CUDA = """\
import onnxruntime as ort
from onnx import TensorProto, helper
from pipelines.runtimes.onnx_on_cuda import load_libraries
given, found = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "try", [given], [found])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
load_libraries()
session = ort.InferenceSession(model.SerializeToString(), providers=["CUDAExecutionProvider"])
raise SystemExit(session.get_providers()[0] != "CUDAExecutionProvider")
"""

TRY_S = 120.0
"""The first start of CUDA on a machine may take long."""


class OnnxRuntime:
    """Executes ONNX files with all graph optimisations on: below that, CNNs run at half the speed."""

    name = "onnxruntime"
    format = "onnx"
    packages: tuple[str, ...] = ("onnxruntime",)
    devices: tuple[str, ...] = ("cpu", "cuda")
    needs_torch = False

    def problem(self, device: str) -> str | None:
        """See `Runtime.problem`; whether its CUDA provider starts is tried in a process of its own."""
        if device == "cpu":
            return None
        if CUDA not in ort.get_available_providers():
            return (
                f"cannot use a GPU with the installed {distribution('onnxruntime')}; install the other build in its "
                'place: pip uninstall -y onnxruntime && pip install "onnxruntime-gpu[cuda,cudnn]"'
            )
        try:
            tried = subprocess.run(
                [sys.executable, "-P", "-c", TRY_CUDA],
                capture_output=True,
                text=True,
                timeout=TRY_S,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        except subprocess.TimeoutExpired:
            return f"did not start on the GPU within {TRY_S:.0f} s"
        if not tried.returncode:
            return None
        said = next((line for line in tried.stderr.splitlines() if "rror" in line), "it does not say why").strip()
        return (
            f"does not start on the GPU: {said[:400]}; CUDA's libraries come with: "
            'pip install "onnxruntime-gpu[cuda,cudnn]"'
        )

    def load(self, artifact: Artifact, target: Target) -> Session:
        """See `Runtime.load`."""

        def options() -> ort.SessionOptions:
            made = ort.SessionOptions()
            made.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
            made.intra_op_num_threads = target.threads
            made.inter_op_num_threads = 1
            made.log_severity_level = 4  # what it refuses it raises, too
            return made

        try:
            if target.on_gpu:
                load_libraries()
                return OnnxCudaSession(artifact.path, options, target.batch)
            return OnnxSession(ort.InferenceSession(str(artifact.path), options(), providers=["CPUExecutionProvider"]))
        except TrialFailed:
            raise
        except Exception as error:  # ONNX Runtime's errors have no common base below Exception
            raise TrialFailed(f"ONNX Runtime cannot load the file: {error}") from error

    def script(self, file: str, feed: str, target: Target) -> str:
        """See `Runtime.script`."""
        return (CUDA_SCRIPT if target.on_gpu else SCRIPT).format(file=file, feed=feed, threads=target.threads)


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
