"""ONNX files on NVIDIA's GPUs by ONNX Runtime's CUDA provider, in a CUDA graph where the file allows it."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from pipelines.errors import TrialFailed
from pipelines.runtimes.runtime import Feed
from pipelines.runtimes.timing import Timing

CUDA = "CUDAExecutionProvider"

BATCH = "batch"
"""The name of the free first dimension of inputs."""

NO_GRAPH = "graph capture"
"""These words are in ONNX Runtime's error if parts of a file would not execute on the GPU."""

LIBRARIES = ("cudart", "nvrtc", "cublasLt", "cublas", "curand", "cufft", "cudnn")

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


@cache
def load_libraries() -> None:
    """Load CUDA's libraries from the packages ``nvidia-*``, wherever they are installed: it needs no torch for that.

    ONNX Runtime looks for them beside itself only, and takes those that are loaded.
    """
    for library in cuda_libraries():
        with suppress(OSError):  # ONNX Runtime says what it misses
            ctypes.CDLL(str(library))
    ort.preload_dlls()


def cuda_libraries() -> Iterator[Path]:
    """Yield the files of CUDA's libraries in packages that Python finds, those that others need first."""
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or () if spec else ())]
    for name in LIBRARIES:
        yield from (file for folder in folders for file in sorted(folder.glob(f"*/lib/lib{name}.so.*")))


class OnnxCudaSession:
    """See `GpuSession`.

    Batches of the target's size go through a session that knows it: with nothing left to be found out about shapes, the
    whole graph can stay on the GPU, and is captured there (``enable_cuda_graph``). Others go through a second session,
    made when it is needed. Products of float32 are computed in TF32, as ONNX Runtime does unless told otherwise.
    Durations are the host's, until the output is there: ONNX Runtime launches its graph itself.

    Args:
        file: The ONNX file.
        options: Makes the options that all sessions have.
        batch: The target's.

    Raises:
        TrialFailed: the CUDA provider does not start.
    """

    def __init__(self, file: Path, options: Callable[[], ort.SessionOptions], batch: int) -> None:
        self._file, self._options, self._batch = file, options, batch
        self._free: ort.InferenceSession | None = None
        self._bound: _Bound | None = None
        self._profiles: tempfile.TemporaryDirectory[str] | None = None
        self.notes: Mapping[str, str] = {"latency.graph": "replayed in a CUDA graph"}
        try:
            self._fixed = self._open(fixed=True, graph=True)
            if any(not isinstance(size, int) for output in self._fixed.get_outputs() for size in output.shape):
                self._without_graph("the output's shape is not known beforehand")
        except Exception as error:  # ONNX Runtime's errors have no common base below Exception
            if NO_GRAPH not in str(error):
                raise
            self._without_graph("parts of the file execute on the CPU")

    def run(self, feed: Feed) -> np.ndarray:
        """See `Session.run`."""
        return next(iter(self.run_all(feed).values()))

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        """See `Session.run_all`."""
        fits = self._bound is None or self._bound.takes(feed)
        if fits and len(next(iter(feed.values()))) == self._batch:
            bound = self._bind(feed)
            bound.fill(feed)
            bound.run()
            return bound.outputs()
        if self._free is None:
            self._free = self._open(fixed=False, graph=False)
        names = [output.name for output in self._free.get_outputs()]
        return dict(zip(names, self._free.run(None, feed), strict=True))

    def timed_run(self, feed: Feed) -> Timing:
        """See `Session.timed_run`."""
        bound = self._bind(feed)
        start = time.perf_counter_ns()
        bound.run()
        wall_ms = (time.perf_counter_ns() - start) / 1e6
        return Timing(wall_ms, wall_ms)

    def repeat(self, feed: Feed, count: int) -> None:
        """See `GpuSession.repeat`; ONNX Runtime itself waits after each call."""
        bound = self._bind(feed)
        for _ in range(count):
            bound.run()

    def peak_bytes(self) -> int | None:
        """See `GpuSession.peak_bytes`."""
        return None

    def _bind(self, feed: Feed) -> _Bound:
        """The session of the target's batch with inputs and output on the GPU, captured when it has run once."""
        if self._bound is None:
            self._bound = _Bound(self._fixed, feed)
            self._bound.run()
            if self._profiles:
                kept = operators_on_cpu(Path(self._fixed.end_profiling()))
                where = f" ({', '.join(f'{count} {name}' for name, count in kept.items())})" if kept else ""
                self.notes = {"latency.graph": f"{self.notes['latency.graph']}{where}"}
        return self._bound

    def _without_graph(self, why: str) -> None:
        self.notes = {"latency.graph": f"no CUDA graph: {why}"}
        self._profiles = tempfile.TemporaryDirectory(prefix="paredown-")
        self._fixed = self._open(fixed=True, graph=False)

    def _open(self, *, fixed: bool, graph: bool) -> ort.InferenceSession:
        options = self._options()
        if fixed:
            options.add_free_dimension_override_by_name(BATCH, self._batch)
            if self._profiles:
                options.enable_profiling = True
                options.profile_file_prefix = str(Path(self._profiles.name) / "profile")
        providers = [(CUDA, {"enable_cuda_graph": str(int(graph))}), "CPUExecutionProvider"]
        session = ort.InferenceSession(str(self._file), options, providers=providers)
        if CUDA not in session.get_providers():
            raise TrialFailed(
                "ONNX Runtime's CUDA provider does not start here: no GPU is in sight, or CUDA's libraries are missing "
                'or of another version; they come with: pip install "onnxruntime-gpu[cuda,cudnn]"'
            )
        return session


class _Bound:
    """A session whose inputs and output lie at fixed places on the GPU, as a CUDA graph needs it.

    Args:
        session: What is run.
        feed: Gives shapes and types of its inputs, and their first values.
    """

    def __init__(self, session: ort.InferenceSession, feed: Feed) -> None:
        self._session, self._binding = session, session.io_binding()
        self._inputs = {name: _on_gpu(array) for name, array in feed.items()}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        self._names = [output.name for output in session.get_outputs()]
        for found in session.get_outputs():
            if all(isinstance(size, int) for size in found.shape):
                place = ort.OrtValue.ortvalue_from_shape_and_type(found.shape, TYPES[found.type], "cuda", 0)
                self._binding.bind_ortvalue_output(found.name, place)
            else:
                self._binding.bind_output(found.name, "cuda", 0)

    def takes(self, feed: Feed) -> bool:
        """Return True if `feed` has the shapes of the places for inputs."""
        return all(tuple(self._inputs[name].shape()) == array.shape for name, array in feed.items())

    def fill(self, feed: Feed) -> None:
        """Give the inputs other values."""
        for name, array in feed.items():
            self._inputs[name].update_inplace(np.ascontiguousarray(array))

    def run(self) -> None:
        """Run, and wait until the output is there."""
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()

    def outputs(self) -> dict[str, np.ndarray]:
        """The outputs of the last run by name."""
        return {name: x.numpy() for name, x in zip(self._names, self._binding.get_outputs(), strict=True)}


def _on_gpu(array: np.ndarray) -> Any:
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), "cuda", 0)


def operators_on_cpu(profile: Path) -> dict[str, int]:
    """Count the operators by type that did not execute on the GPU, the most frequent first.

    Args:
        profile: What ONNX Runtime wrote of a run.
    """
    events = json.loads(profile.read_text(encoding="utf-8"))
    nodes = {
        event["name"]: event["args"]["op_name"]
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("provider") == "CPUExecutionProvider"
    }
    return dict(Counter(nodes.values()).most_common())
