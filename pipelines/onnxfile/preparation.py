"""Before a quantizer: the file made ready for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization.shape_inference import quant_pre_process


def prepare(source: Path, target: Path) -> None:
    """Write the ONNX file `source` to `target` with shapes inferred, constants folded and every operator named.

    Where a rectifier follows a maximum pooling the two change places, which changes no output: only a pooling whose
    input and output share one range is executed in 8 bits, and a rectifier between them moves the range.
    """
    quant_pre_process(source, target, skip_symbolic_shape=True)
    model = onnx.load(target)
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    _rectify_before_pooling(model.graph)
    onnx.save(onnx.shape_inference.infer_shapes(model), target)


def _rectify_before_pooling(graph: Any) -> None:
    producers = {name: node for node in graph.node for name in node.output}
    uses = [name for node in graph.node for name in node.input] + [output.name for output in graph.output]
    for relu in graph.node:
        pool = producers.get(relu.input[0]) if relu.op_type == "Relu" else None
        if pool is None or pool.op_type != "MaxPool" or len(pool.output) > 1 or uses.count(pool.output[0]) > 1:
            continue
        # pool: a → b, relu: b → c, becomes relu: a → b, pool: b → c. The nodes trade places in the list as well.
        first, second = onnx.NodeProto(), onnx.NodeProto()
        first.CopyFrom(relu)
        second.CopyFrom(pool)
        first.input[0], first.output[0] = pool.input[0], pool.output[0]
        second.input[0], second.output[0] = relu.input[0], relu.output[0]
        pool.CopyFrom(first)
        relu.CopyFrom(second)
        for info in [info for info in graph.value_info if info.name == first.output[0]]:
            graph.value_info.remove(info)  # it tells the shape after the pooling
