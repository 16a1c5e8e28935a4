"""Dynamic int8: weights are stored in 8 bits, activations are quantized while the network runs."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from pipelines.declaration import Declaration, Unsuited
from pipelines.onnxfile.layers import no_weights
from pipelines.onnxfile.operators import OPERATORS
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.parameters import KEEPING, MITIGATION, keeps_none, refined
from spaces import Parameter, Params

CONVOLUTIONS = ["Conv"]
OTHERS = sorted(name for name, known in OPERATORS.items() if known.dynamic and name not in CONVOLUTIONS)

UNSIGNED: Mapping[str, Any] = {"weight_type": QuantType.QUInt8}
SIGNED: Mapping[str, Any] = {"weight_type": QuantType.QInt8, "per_channel": True, "reduce_range": True}

ON_CPU = Unsuited(
    "finds the ranges of activations on the CPU at every call, as the CUDA provider has no DynamicQuantizeLinear: they "
    "go there and back, which also forbids a CUDA graph; use fp16",
    device="cuda",
    runtime="onnxruntime",
)


class DynamicInt8:
    """Weights in 8 bits, ranges of activations taken at run time; needs no calibration.

    Meant for matrix products: on convolutions ONNX Runtime's dynamic kernels are several times slower than floating
    point. Weights of products are signed, with one scale per output channel, which takes little more than half the time
    of unsigned ones; they use 7 of their 8 bits for the reason that `StaticInt8` gives. Those of convolutions are
    unsigned, as ``ConvInteger`` has no signed kernel. Source: ONNX Runtime documentation, "Quantize ONNX Models".
    """

    name = "dynamic-int8"
    parameters: tuple[Parameter, ...] = (MITIGATION, *KEEPING)
    declares = Declaration(formats=("onnx",), unsuited=(ON_CPU,), knows_structure=keeps_none)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model, recurrent=(nn.LSTM,))

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        model = onnx.load(source)
        stacks = _products_with_stacks(model.graph)
        passes = [(CONVOLUTIONS, UNSIGNED, keep), (OTHERS, SIGNED, [*keep, *stacks])]
        if stacks:
            passes.append((["MatMul"], {**SIGNED, "per_channel": False}, keep))
        with tempfile.TemporaryDirectory() as folder:
            for types, weights, left in passes:
                quantize_dynamic(
                    model,
                    Path(folder) / "model.onnx",
                    op_types_to_quantize=types,
                    nodes_to_exclude=also_as_products(left),
                    **weights,
                )
                model = onnx.load(Path(folder) / "model.onnx")
        onnx.save(model, target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return refined(self.name, params, self.parameters)


def _products_with_stacks(graph: Any) -> list[str]:
    """The names of the products with several matrices at once: ONNX Runtime has one scale for all of them only."""
    stacks = {initializer.name for initializer in graph.initializer if len(initializer.dims) > 2}
    return [node.name for node in graph.node if node.op_type == "MatMul" and stacks.intersection(node.input)]


def also_as_products(keep: Collection[str]) -> list[str]:
    """`keep` and the names under which ONNX Runtime's quantizers look for a ``Gemm``: they make it a ``MatMul``."""
    return [*keep, *(f"{name}_MatMul" for name in keep)]
