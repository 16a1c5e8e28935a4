"""An ONNX file as a graph: which constants are weights, and what is multiplied by what."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import NodeProto, TensorProto

from pipelines.onnxfile.operators import operator
from pipelines.runtimes import Feed

VALUES = {
    getattr(TensorProto, name)
    for name in ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "INT8", "UINT8", "INT4", "UINT4", "INT2", "UINT2")
    if hasattr(TensorProto, name)
}
"""Types of weights; whole numbers of more bits are shapes and indices."""

Shape = tuple[int, ...]


class Graph:
    """The nodes of an ONNX file, with the shapes of what goes between them.

    Args:
        file: The file.
        feed: Inputs to run it with once, if shapes cannot be told otherwise.
    """

    def __init__(self, file: Path, feed: Feed) -> None:
        self._model, self._feed = onnx.load(file), feed
        for given in self._model.graph.input:
            shape = feed[given.name].shape if given.name in feed else ()
            for dim, size in zip(given.type.tensor_type.shape.dim, shape, strict=False):
                dim.dim_value = size
        for output in self._model.graph.output:
            output.type.tensor_type.ClearField("shape")
        graph = onnx.shape_inference.infer_shapes(self._model, data_prop=True).graph
        self._nodes = graph.node
        self._types = {tensor.name: tensor.data_type for tensor in graph.initializer}
        self._shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        self._varying = {given.name for given in graph.input} - self._shapes.keys()
        for value in (*graph.input, *graph.value_info, *graph.output):
            kind = value.type.tensor_type
            self._types.setdefault(value.name, kind.elem_type)
            if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
                self._shapes.setdefault(value.name, tuple(dim.dim_value for dim in kind.shape.dim))
        for node in self._nodes:  # what a node reads comes before it
            if self._varying.intersection(node.input):
                self._varying.update(node.output)

    def parameters(self) -> int:
        """Return the number of weights, whatever form they are stored in.

        A weight is an element of a constant array that meets what depends on the input. Constants are followed up to
        there: an 8-bit array through its `DequantizeLinear`, a palette's indices through their `Gather`. Scales and
        zero points are no weights, and neither are single numbers.
        """
        sizes = {name: math.prod(self._shapes[name]) for name in self._weights()}
        packed = (
            _attribute(node, "N") * _attribute(node, "K") for node in self._nodes if node.op_type == "MatMulNBits"
        )
        return sum(sizes.values()) + sum(packed)

    def macs(self) -> int:
        """Multiplications of convolutions and matrix products, in their integer forms too.

        Raises:
            LookupError: a shape cannot be found out.
        """
        products = [node for node in self._nodes if node.op_type == "MatMulNBits" or _multiplies(node)]
        needed = {name for node in products for name in (node.output[0], node.input[0], _other(node))}
        if missing := needed - self._shapes.keys():
            self._shapes.update(self._run(sorted(missing)))
        return sum(map(self._macs_of, products))

    def _weights(self) -> Iterator[str]:
        scales = {node.output[1] for node in self._nodes if node.op_type == "DynamicQuantizeLinear"}
        for node in self._nodes:
            if not self._varying.intersection(node.input) or scales.intersection(node.input):
                continue
            kind, weights = operator(node.op_type).kind, operator(node.op_type).weights
            for index, name in enumerate(node.input):
                if not name or name in self._varying or (weights is not None and index not in weights):
                    continue
                shape = self._shapes.get(name)
                # A single number in such an operator is a factor that somebody wrote down, not a weight.
                factor = kind == "scaling" and shape and math.prod(shape) == 1
                if shape and not factor and self._types.get(name) in VALUES:
                    yield name

    def _macs_of(self, node: NodeProto) -> int:
        out, other = math.prod(self._shapes[node.output[0]]), self._shapes[_other(node)]
        if node.op_type == "MatMulNBits":
            return out * _attribute(node, "K")
        kind = operator(node.op_type).kind
        if kind == "transposed convolution":  # the kernel: (in channels, out channels of a group, *kernel)
            return math.prod(self._shapes[node.input[0]]) * math.prod(other[1:])
        if kind == "convolution":  # the kernel: (out channels, in channels of a group, *kernel)
            return out * math.prod(other[1:])
        return out * (other[-1] if _attribute(node, "transB") or len(other) == 1 else other[-2])

    def _run(self, names: list[str]) -> dict[str, Shape]:
        """The shapes of tensors, from running the file as it stands, once."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        try:
            session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            return {name: array.shape for name, array in zip(names, session.run(names, self._feed), strict=True)}
        except Exception as error:  # ONNX Runtime's errors have no common base below Exception
            raise LookupError(f"the shapes of {', '.join(names)} cannot be found out: {error}") from error


def _multiplies(node: NodeProto) -> bool:
    """True for a convolution or matrix product whose kernel or right-hand side is an input as it is."""
    return operator(node.op_type).multiplies and operator(node.op_type).kernel is not None


def _other(node: NodeProto) -> str:
    return str(node.input[operator(node.op_type).kernel or 0])


def _attribute(node: NodeProto, name: str) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == name), 0)
