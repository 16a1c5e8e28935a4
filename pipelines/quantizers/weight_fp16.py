"""Weight-only fp16: weights are stored in 16 bits and computed with in 32."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipelines.declaration import Declaration, always
from pipelines.onnxfile.layers import no_weights, replaceable
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.fp16 import too_large
from spaces import Parameter, Params


class WeightFp16:
    """Weights of convolutions, matrix products and embeddings in half precision, everything else as before.

    It halves the file as `Fp16` does, and costs no time on a CPU: ONNX Runtime widens the weights once, when it loads
    the file, and then computes as with the original, where `Fp16` has it convert activations at every call.
    """

    name = "weight-fp16"
    parameters: tuple[Parameter, ...] = ()
    declares = Declaration(formats=("onnx",), knows_structure=always)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return too_large(model) or no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        model = onnx.load(source)
        graph, casts = model.graph, []
        for initializer, weight, _ in replaceable(graph, keep):
            stored = f"{initializer.name}_fp16"
            graph.initializer.remove(initializer)
            graph.initializer.append(numpy_helper.from_array(weight.astype(np.float16), stored))
            casts.append(helper.make_node("Cast", [stored], [initializer.name], to=TensorProto.FLOAT))
        for cast in reversed(casts):
            graph.node.insert(0, cast)
        onnx.save(model, target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return self.name
