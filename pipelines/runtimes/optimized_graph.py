"""What ONNX Runtime makes of a file: the operators that it really executes."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import onnx
import onnxruntime as ort


def operators(file: Path) -> dict[str, int]:
    """How often each operator stands in the graph that ONNX Runtime executes for `file` on the CPU, by its type.

    Integer kernels have types of their own there (``QLinearConv``, ``QGemm``, …), so what was not fused shows.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        optimized = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(optimized)
        ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(optimized, load_external_data=False).graph
    return dict(Counter(node.op_type for node in graph.node))
