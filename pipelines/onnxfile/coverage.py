"""The share of a file that is executed in 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.onnxfile.operators import operator
from pipelines.onnxfile.optimized_graph import optimized


@dataclass(frozen=True)
class Coverage:
    """A file's convolutions and matrix products as ONNX Runtime executes them.

    Attributes:
        int8: How many are executed in 8 bits.
        floating: How many are executed in floating point.
        unfused: How often a tensor goes back from 8 bits to floating point inside the network: each
            ``DequantizeLinear`` that was not fused into an operator and does not give an output.
    """

    int8: int
    floating: int
    unfused: int


def int8_coverage(file: Path) -> Coverage:
    """Counted in the graph as ONNX Runtime optimizes it for the CPU.

    Raises:
        TrialFailed: ONNX Runtime refuses the file.
    """
    graph = optimized(file).graph
    found = [operator(node.op_type) for node in graph.node]
    outputs = {output.name for output in graph.output}
    return Coverage(
        int8=sum(each.multiplies and each.integer for each in found),
        floating=sum(each.multiplies and not each.integer for each in found),
        unfused=sum(node.op_type == "DequantizeLinear" and node.output[0] not in outputs for node in graph.node),
    )
