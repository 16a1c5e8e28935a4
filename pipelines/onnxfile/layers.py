"""The layers of a file and of a network: the operators and parameters that hold the weights."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from torch import nn

from pipelines.networks.exclusion import Exclusion
from pipelines.onnxfile.operators import operator

LEAST = 0.1
"""A scheme that reaches a smaller share of a network's weights changes next to nothing."""


@dataclass(frozen=True)
class Layer:
    """An operator with a constant weight.

    Attributes:
        name: The operator's name.
        weight: The name of the initializer.
        axis: The axis of the weight along which its output channels lie; for an embedding, its entries.
    """

    name: str
    weight: str
    axis: int


def layers(graph: Any) -> list[Layer]:
    """The convolutions, matrix products and embeddings of an ONNX graph whose floating-point weight is in the file."""
    weights = {i.name: i for i in graph.initializer if i.data_type == TensorProto.FLOAT and len(i.dims) >= 2}
    found = []
    for node in graph.node:
        kernel = operator(node.op_type).kernel
        weight = "" if kernel is None else node.input[kernel]
        if weight in weights:
            found.append(Layer(node.name, weight, _axis(node, len(weights[weight].dims))))
    return found


def _axis(node: Any, rank: int) -> int:
    match operator(node.op_type).kind:
        case "matrix product":
            return 0 if any(a.name == "transB" and a.i for a in node.attribute) else rank - 1
        case "transposed convolution":
            return 1
        case _:
            return 0


def replaceable(graph: Any, keep: Collection[str] = ()) -> Iterator[tuple[Any, np.ndarray, int]]:
    """The weights of the layers that are not in `keep`: initializer, values, axis of the output channels.

    A weight that a layer in `keep` also uses is left out, and each of the others comes once.
    """
    found = layers(graph)
    kept = {layer.weight for layer in found if layer.name in keep}
    axes = {layer.weight: layer.axis for layer in reversed(found) if layer.weight not in kept}
    for initializer in list(graph.initializer):
        if initializer.name in axes:
            yield initializer, numpy_helper.to_array(initializer), axes[initializer.name]


def nodes_of(file: Path, exclude: Exclusion) -> list[str]:
    """The names of the operators of an exported ONNX file that compute what layers in `exclude` do, in no order."""
    graph = onnx.load(file, load_external_data=False).graph
    named = {node.name for node in graph.node if exclude.covers(_module(node.name))}
    # A layer that is called again has another name there, but the same weight.
    weights = {layer.weight for layer in layers(graph) if layer.name in named}
    return [*named, *(layer.name for layer in layers(graph) if layer.weight in weights and layer.name not in named)]


def _module(operator_name: str) -> str:
    """The module that an exported operator belongs to: ``/blocks/blocks.0/fc/MatMul`` is in ``blocks.0.fc``."""
    found = ""
    for part in operator_name.strip("/").split("/")[:-1]:
        # A part of a sequence has the sequence's own name in it.
        last = found.rpartition(".")[2]
        parent = found.rpartition(".")[0] if part.startswith(f"{last}.") and last else found
        found = f"{parent}.{part}".strip(".")
    return found


def numbers(file: Path) -> int:
    """Return how many constant numbers in single precision the ONNX file `file` has: quantized ones are none."""
    graph = onnx.load(file).graph
    return sum(math.prod(i.dims) for i in graph.initializer if i.data_type == TensorProto.FLOAT)


def no_weights(model: nn.Module, recurrent: tuple[type[nn.RNNBase], ...] = ()) -> str | None:
    """Return why nothing in `model` is worth quantizing, or None: a layer's weight has two axes at least.

    Args:
        model: The network.
        recurrent: The kinds of recurrent layers that a scheme quantizes, beside what `layers` finds.
    """
    left = [
        module for module in model.modules() if isinstance(module, nn.RNNBase) and not isinstance(module, recurrent)
    ]
    within = {id(parameter) for module in left for parameter in module.parameters()}
    sizes = {id(parameter): parameter.numel() for parameter in model.parameters() if parameter.ndim >= 2}
    if not sizes:
        return "the network has no convolution and no matrix product with weights"
    share = sum(size for key, size in sizes.items() if key not in within) / sum(sizes.values())
    if share >= LEAST:
        return None
    kinds = " and ".join(sorted({type(module).__name__ for module in left}))
    return f"{100 * (1 - share):.3g}% of the weights are in {kinds} layers, which stay as they are"
