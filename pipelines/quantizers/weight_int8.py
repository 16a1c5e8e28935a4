"""Weight-only int8: weights are stored in 8 bits and computed with in floating point."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights, replaceable
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.parameters import KEEPING, keeps_none, refined
from spaces import Parameter, Params


class WeightInt8:
    """Weights of convolutions and matrix products in 8 bits, symmetric, with one scale per output channel.

    It gains size, not speed: ONNX Runtime multiplies the weights out once, when it loads the file, and then computes
    as with the original. (``DequantizeLinear`` instead of cast and product would be repeated at every call: ONNX
    Runtime saves it up for integer kernels.) It needs no calibration, and zeros stay zeros.
    """

    name = "weight-int8"
    parameters: tuple[Parameter, ...] = KEEPING
    declares = Declaration(formats=("onnx",), knows_structure=keeps_none)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        model = onnx.load(source)
        graph, nodes = model.graph, []
        for initializer, weight, axis in replaceable(graph, keep):
            name = initializer.name
            largest = np.abs(weight).max(axis=tuple(i for i in range(weight.ndim) if i != axis), keepdims=True)
            scale = (np.where(largest > 0, largest, 1) / 127).astype(np.float32)
            rounded = np.rint(weight / scale).astype(np.int8)
            graph.initializer.remove(initializer)
            graph.initializer.append(numpy_helper.from_array(rounded, f"{name}_int8"))
            graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
            nodes.append(helper.make_node("Cast", [f"{name}_int8"], [f"{name}_whole"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name]))
        for node in reversed(nodes):
            graph.node.insert(0, node)
        onnx.save(model, target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return refined(self.name, params, self.parameters)
