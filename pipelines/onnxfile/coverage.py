"""How much of a file is executed in 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.onnxfile.optimized_graph import optimized

INT8 = (
    "ConvInteger",
    "DynamicQuantizeLSTM",
    "DynamicQuantizeMatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "QAttention",
    "QGemm",
    "QLinearConv",
    "QLinearMatMul",
)
FLOATING = (
    "Attention",
    "Conv",
    "ConvTranspose",
    "FusedConv",
    "FusedGemm",
    "FusedMatMul",
    "Gemm",
    "LSTM",
    "MatMul",
    "MatMulNBits",
    "NhwcFusedConv",
)


@dataclass(frozen=True)
class Coverage:
    """What becomes of a file's convolutions and matrix products in ONNX Runtime.

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
    types = [node.op_type for node in graph.node]
    outputs = {output.name for output in graph.output}
    return Coverage(
        int8=sum(types.count(name) for name in INT8),
        floating=sum(types.count(name) for name in FLOATING),
        unfused=sum(node.op_type == "DequantizeLinear" and node.output[0] not in outputs for node in graph.node),
    )
