"""Runtimes that execute an exported file. A new one is a file here with a `Runtime`, and its line in `RUNTIMES`."""

from pipelines.runtimes.onnx_runtime import OnnxRuntime
from pipelines.runtimes.openvino import OpenVino
from pipelines.runtimes.runtime import OUTPUT, Feed, Runtime, Session, input_names, to_feed
from pipelines.runtimes.target import Target

RUNTIMES: dict[str, Runtime] = {runtime.name: runtime for runtime in (OnnxRuntime(), OpenVino())}

__all__ = [
    "OUTPUT",
    "RUNTIMES",
    "Feed",
    "OnnxRuntime",
    "OpenVino",
    "Runtime",
    "Session",
    "Target",
    "input_names",
    "to_feed",
]
