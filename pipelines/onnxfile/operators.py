"""ONNX operators in one table: those of files, and those that ONNX Runtime makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "convolution",
    "transposed convolution",
    "matrix product",
    "attention",
    "recurrence",
    "embedding",
    "normalization",
    "scaling",
    "quantization",
    "dequantization",
    "layout",
    "resampling",
    "other",
]
COMPUTING: tuple[Kind, ...] = ("convolution", "transposed convolution", "matrix product", "attention", "recurrence")


@dataclass(frozen=True)
class Operator:
    """An operator and its properties.

    Attributes:
        kind: What it computes.
        kernel: The input that is the kernel, right-hand side or table, if it is an array of the weight's own shape.
        weights: The inputs that may be weights, where others are scales, zero points, statistics or settings; None if
            any may be one.
        integer: True if it computes in 8 bits.
        through: True if what it gives is its first input in another form, so that a weight may pass it.
        dynamic: True if `dynamic-int8` can make it compute in 8 bits.
        static: True if `static-int8` can.
        of_tokens: True if networks of tokens have it, and others seldom.
    """

    kind: Kind
    kernel: int | None = None
    weights: tuple[int, ...] | None = None
    integer: bool = False
    through: bool = False
    dynamic: bool = False
    static: bool = False
    of_tokens: bool = False

    @property
    def multiplies(self) -> bool:
        """True for convolutions and matrix products, and for what is made of them."""
        return self.kind in COMPUTING


def _static(kind: Kind) -> Operator:
    return Operator(kind, static=True)


OPERATORS: Mapping[str, Operator] = {
    # Computed in floating point.
    "Conv": Operator("convolution", kernel=1, dynamic=True, static=True),
    "FusedConv": Operator("convolution", kernel=1),
    "NhwcFusedConv": Operator("convolution", kernel=1),
    "ConvTranspose": Operator("transposed convolution", kernel=1, static=True),
    "Gemm": Operator("matrix product", kernel=1, dynamic=True, static=True),
    "FusedGemm": Operator("matrix product", kernel=1),
    "MatMul": Operator("matrix product", kernel=1, dynamic=True, static=True),
    "FusedMatMul": Operator("matrix product", kernel=1),
    "MatMulNBits": Operator("matrix product", weights=(5,)),  # its weight is packed
    "Attention": Operator("attention", dynamic=True),
    "Einsum": Operator("matrix product"),
    "LSTM": Operator("recurrence", dynamic=True),
    **dict.fromkeys(("GRU", "RNN"), Operator("recurrence")),
    # Computed in 8 bits.
    "ConvInteger": Operator("convolution", kernel=1, weights=(1,), integer=True),
    "QLinearConv": Operator("convolution", kernel=3, weights=(3, 8), integer=True),
    "MatMulInteger": Operator("matrix product", kernel=1, weights=(1,), integer=True),
    "MatMulIntegerToFloat": Operator("matrix product", kernel=1, weights=(1, 6), integer=True),
    "DynamicQuantizeMatMul": Operator("matrix product", kernel=1, weights=(1, 4), integer=True),
    "QLinearMatMul": Operator("matrix product", kernel=3, weights=(3,), integer=True),
    "QGemm": Operator("matrix product", kernel=3, weights=(3, 6), integer=True),
    "QAttention": Operator("attention", integer=True),
    "DynamicQuantizeLSTM": Operator("recurrence", weights=(1, 2, 3, 7), integer=True),
    # ONNX Runtime has no 8-bit kernel for normalizations: around them there would only be more conversions.
    "BatchNormalization": Operator("normalization", weights=(1, 2)),
    "InstanceNormalization": Operator("normalization"),
    "LayerNormalization": Operator("normalization", of_tokens=True),
    "RMSNormalization": Operator("normalization", of_tokens=True),
    "EmbedLayerNormalization": Operator("embedding", dynamic=True, static=True),
    "Gather": Operator("embedding", kernel=0, dynamic=True, static=True),
    "GatherBlockQuantized": Operator("embedding", kernel=0, weights=(0,)),
    # A single number that these take is a factor that somebody wrote down, not a weight.
    "Mul": Operator("scaling", through=True, static=True),
    "Div": Operator("scaling"),
    "Sub": Operator("scaling"),
    "Pow": Operator("scaling"),
    "QuantizeLinear": Operator("quantization", weights=(), through=True),
    "DynamicQuantizeLinear": Operator("quantization", weights=()),
    "DequantizeLinear": Operator("dequantization", weights=(), through=True),
    "Cast": Operator("layout", through=True),
    "Identity": Operator("layout", through=True),
    "Transpose": Operator("layout", through=True, dynamic=True, static=True),
    **dict.fromkeys(("Concat", "Flatten", "GatherElements", "Reshape", "Slice"), _static("layout")),
    **dict.fromkeys(("Split", "Squeeze", "Unsqueeze", "Where"), _static("layout")),
    "Pad": Operator("layout", weights=(), static=True),
    "Resize": Operator("resampling", weights=(), static=True),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool", "MaxPool"), _static("resampling")),
    "Erf": Operator("other", of_tokens=True),
    "Gelu": Operator("other", of_tokens=True),
    "Clip": Operator("other", weights=(), static=True),
    # Its 8-bit form has 256 steps from 0 to 1, whatever it gives: of a hundred classes or places little is left.
    "Softmax": Operator("other"),
    **dict.fromkeys(("Add", "ArgMax", "CumSum", "LeakyRelu", "Relu", "Sigmoid", "TopK"), _static("other")),
}
"""Operators by type; of others nothing is known, and any of their inputs may be a weight."""

RECURRENCES = tuple(name for name, known in OPERATORS.items() if known.kind == "recurrence")

UNKNOWN = Operator("other")


def operator(kind: str) -> Operator:
    """The operator of the type `kind`, such as ``Conv``."""
    return OPERATORS.get(kind, UNKNOWN)
