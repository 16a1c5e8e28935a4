"""The graph that ONNX Runtime executes: which operators were fused, and which stayed apart."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort

from pipelines.errors import TrialFailed

GRAPH = "optimized.onnx"


def operators(file: Path) -> dict[str, int]:
    """Count the operators by type in the graph as ONNX Runtime optimizes it for the CPU.

    ``QLinearConv`` is a convolution in int8 and ``Conv`` one in floating point, whatever the file says: ONNX Runtime
    decides when it loads the file. Bodies of loops and branches count as well.

    Raises:
        TrialFailed: ONNX Runtime refuses the file.
    """
    return dict(Counter(_types(optimized(file).graph)))


def optimized(file: Path) -> Any:
    """The ONNX model that ONNX Runtime makes of `file` for the CPU.

    Raises:
        TrialFailed: ONNX Runtime refuses the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / GRAPH
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.optimized_model_filepath = str(target)
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common base below Exception
            raise TrialFailed(f"ONNX Runtime cannot load the file: {error}") from error
        return onnx.load(target, load_external_data=False)


def _types(graph: Any) -> Iterator[str]:
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from _types(body)
