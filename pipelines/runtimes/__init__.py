"""Runtimes that execute an exported file. A new one is a file here with a `Runtime`, and its line in `RUNTIMES`."""

from pipelines.runtimes.artifact import Artifact
from pipelines.runtimes.example_feed import example_feed
from pipelines.runtimes.onnx_runtime import OnnxRuntime
from pipelines.runtimes.openvino import OpenVino
from pipelines.runtimes.origin import Origin, origin_of, origin_problem
from pipelines.runtimes.runtime import OUTPUT, Feed, GpuSession, Runtime, Session, to_feed
from pipelines.runtimes.target import Target
from pipelines.runtimes.targets import Targets, bare, target_of
from pipelines.runtimes.timing import Timing, timed_on_cpu
from pipelines.runtimes.torch_program import TorchProgram
from pipelines.runtimes.torch_runtime import TorchRuntime

RUNTIMES: dict[str, Runtime] = {runtime.name: runtime for runtime in (OnnxRuntime(), OpenVino(), TorchRuntime())}

__all__ = [
    "OUTPUT",
    "RUNTIMES",
    "Artifact",
    "Feed",
    "GpuSession",
    "OnnxRuntime",
    "OpenVino",
    "Origin",
    "Runtime",
    "Session",
    "Target",
    "Targets",
    "Timing",
    "TorchProgram",
    "TorchRuntime",
    "bare",
    "example_feed",
    "origin_of",
    "origin_problem",
    "target_of",
    "timed_on_cpu",
    "to_feed",
]
