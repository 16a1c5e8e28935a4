"""A technique of one's own: weights are stored as bfloat16, half of each number's bits, and computed with in 32."""

import ml_dtypes
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights, replaceable


class WeightBf16:
    """Half the size for every layer; one ``Cast`` for each, which ONNX Runtime does once, when it loads the file."""

    name = "weight-bf16"
    parameters = ()
    declares = Declaration(formats=("onnx",))
    aware = False

    def problem(self, model):
        return no_weights(model)

    def quantize(self, source, target, calibration, params, keep=()):
        model = onnx.load(source)
        graph, casts = model.graph, []
        for initializer, weight, _ in replaceable(graph, keep):
            stored = f"{initializer.name}_bf16"
            graph.initializer.remove(initializer)
            graph.initializer.append(numpy_helper.from_array(weight.astype(ml_dtypes.bfloat16), stored))
            casts.append(helper.make_node("Cast", [stored], [initializer.name], to=TensorProto.FLOAT))
        for cast in reversed(casts):
            graph.node.insert(0, cast)
        onnx.save(model, target)

    def label(self, params):
        return self.name
