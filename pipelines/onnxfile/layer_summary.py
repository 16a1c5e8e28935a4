"""An exported file's graph, as far as a diagnosis reads it: its layers, their widths, and how weights are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from pipelines.onnxfile.operators import operator
from pipelines.onnxfile.packing import DOMAIN, shape_of


@dataclass(frozen=True)
class Layer:
    """One convolution or matrix product with a stored weight.

    Attributes:
        stored: The type in which its weight is stored, such as ``float32`` or ``int8``.
        width: How many outputs (channels, features) it has.
        size: How many values its weight has.
        zeros: How many of them are zero; 0 for weights that are not stored in floating point.
    """

    stored: str
    width: int
    size: int
    zeros: int


@dataclass(frozen=True)
class Graph:
    """The computation of an exported file.

    Attributes:
        layers: Its layers with stored weights, in the order in which they are computed.
        integers: Whether activations are turned into integers anywhere.
    """

    layers: tuple[Layer, ...]
    integers: bool

    @classmethod
    def read(cls, file: Path) -> Graph:
        """The graph of the ONNX file `file`."""
        graph = onnx.load(file).graph
        stored = {initializer.name: initializer for initializer in graph.initializer}
        made = {output: node for node in graph.node for output in node.output}
        stored |= {
            output: attribute.t
            for output, node in made.items()
            for attribute in node.attribute
            if node.op_type == "Constant" and attribute.name == "value"
        }
        layers = [layer for node in graph.node if (layer := _layer(node, stored, made))]
        integers = any(operator(node.op_type).kind == "quantization" for node in graph.node)
        return cls(tuple(layers), integers)

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The widths of all layers but the last, whose width is the network's own output."""
        return tuple(layer.width for layer in self.layers[:-1])

    @property
    def stored(self) -> frozenset[str]:
        """The types in which weights are stored."""
        return frozenset(layer.stored for layer in self.layers)

    @property
    def sparsity(self) -> float:
        """The share of all weights that are stored in floating point and are zero."""
        return sum(layer.zeros for layer in self.layers) / max(1, sum(layer.size for layer in self.layers))


def _layer(
    node: onnx.NodeProto, stored: Mapping[str, onnx.TensorProto], made: Mapping[str, onnx.NodeProto]
) -> Layer | None:
    if node.op_type == "MatMulNBits":
        sizes = {attribute.name: attribute.i for attribute in node.attribute}
        return Layer(f"{sizes['bits']}-bit", sizes["N"], sizes["N"] * sizes["K"], 0)
    found = operator(node.op_type)
    if found.kernel is None or not found.multiplies:
        return None
    name, turns = node.input[found.kernel], list[list[int]]()
    while name not in stored and name in made and operator(made[name].op_type).through:
        if made[name].op_type == "Transpose":
            turns.append(next((list(each.ints) for each in made[name].attribute if each.name == "perm"), []))
        name = made[name].input[0]
    dims = None
    if name in made and made[name].domain == DOMAIN:  # codes of a palette
        dims = numpy_helper.to_array(stored[shape_of(made[name])]).tolist()
        name = made[name].input[0]
    if name not in stored:  # a product of two activations, or a weight that is computed
        return None
    tensor = stored[name]
    shape = dims or list(tensor.dims)
    for axes in reversed(turns):
        shape = [shape[axis] for axis in axes] if axes else shape[::-1]
    kind = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
    kind = {"float": "float32", "double": "float64"}.get(kind, kind)
    zeros = int(np.count_nonzero(numpy_helper.to_array(tensor) == 0)) if "float" in kind else 0
    return Layer(kind, _width(node, shape), int(np.prod(shape)), zeros)


def _width(node: onnx.NodeProto, shape: list[int]) -> int:
    settings = {attribute.name: int(attribute.i) for attribute in node.attribute}
    match operator(node.op_type).kind:
        case "convolution":
            return shape[0]
        case "transposed convolution":
            return shape[1] * settings.get("group", 1)
        case _:
            return shape[0] if settings.get("transB") else shape[-1]
