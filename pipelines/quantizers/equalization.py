"""Equalization across layers: channels of one layer get like ranges, at the cost of the next layer's weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from torch import nn

from pipelines.errors import TrialFailed

HOMOGENEOUS = ("Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Identity")
"""What gives s times as much, channel by channel, for s times the input; what is not among them ends a pair."""

ROUNDS = 20
"""A layer in the middle of a row belongs to two pairs: so often each pair is equalized at most."""

EVEN = 1e-3

NOTHING = "no two layers follow each other with nothing but rectifiers and pooling between them, to be equalized"


def equalization_problem(model: nn.Module) -> str | None:
    """Return why there is nothing to equalize in `model`, or None."""
    layers = [module for module in model.modules() if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear)]
    return None if len(layers) > 1 else NOTHING


@dataclass(frozen=True)
class _Pair:
    """A layer and the one that reads it, by the names of their constants.

    Attributes:
        weight: The weight of the first, and `axis` that of its output channels.
        bias: Its bias; empty if it has none.
        reader: The weight of the second, and `reader_axis` that of its input channels.
    """

    weight: str
    axis: int
    bias: str
    reader: str
    reader_axis: int


def equalize(model: onnx.ModelProto) -> None:
    """Change `model` in place to one that computes the same, with like ranges of the channels between two layers.

    Channel i of the first layer is divided by a factor, and the weights that read it are multiplied by it, so that the
    largest weights of both are the root of their product. One scale for a whole weight then rounds all its channels
    alike, and one for all channels of an activation does so, too. Source: M. Nagel et al., "Data-Free Quantization
    Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1.

    Raises:
        TrialFailed: there is nothing to equalize.
    """
    graph = model.graph
    _give_each_its_own_bias(graph)
    constants = {i.name: i for i in graph.initializer}
    pairs = list(_pairs(graph, constants))
    if not pairs:
        raise TrialFailed(f"{NOTHING}; leave quantization.mitigation: equalize out")
    names = {name for pair in pairs for name in (pair.weight, pair.bias, pair.reader) if name}
    values = {name: numpy_helper.to_array(constants[name]).astype(np.float64) for name in names}
    for _ in range(ROUNDS):
        were_even = [_equalized(values, pair) for pair in pairs]
        if all(were_even):
            break
    for name, array in values.items():
        constants[name].CopyFrom(numpy_helper.from_array(array.astype(np.float32), name))


def _equalized(values: dict[str, np.ndarray], pair: _Pair) -> bool:
    """Equalize a pair; return True if it was so before."""
    weight, reader = values[pair.weight], values[pair.reader]
    given = np.abs(weight).max(axis=tuple(axis for axis in range(weight.ndim) if axis != pair.axis))
    taken = np.abs(reader).max(axis=tuple(axis for axis in range(reader.ndim) if axis != pair.reader_axis))
    alive = (given > 0) & (taken > 0)
    factor = np.where(alive, np.sqrt(np.where(alive, given, 1) / np.where(alive, taken, 1)), 1)
    values[pair.weight] = weight / _along(factor, pair.axis, weight.ndim)
    values[pair.reader] = reader * _along(factor, pair.reader_axis, reader.ndim)
    if pair.bias:
        values[pair.bias] = values[pair.bias] / factor
    return bool(np.abs(np.log(factor)).max() < EVEN)


def _along(factor: np.ndarray, axis: int, rank: int) -> np.ndarray:
    return factor.reshape([-1 if index == axis else 1 for index in range(rank)])


def _give_each_its_own_bias(graph: Any) -> None:
    """Copy biases that several layers read: exporters store equal constants once, such as zeros."""
    constants = {i.name: i for i in graph.initializer}
    seen = Counter[str]()
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in constants and len(constants[name].dims) == 1 and node.op_type in ("Conv", "Gemm", "Add"):
                seen[name] += 1
                if seen[name] > 1:
                    node.input[index] = f"{name}_{seen[name]}"
                    graph.initializer.append(
                        numpy_helper.from_array(numpy_helper.to_array(constants[name]), node.input[index])
                    )


def _pairs(graph: Any, constants: Mapping[str, Any]) -> Iterator[_Pair]:
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {output.name for output in graph.output}

    def only_reader(node: Any) -> Any:
        behind = readers.get(node.output[0], [])
        alone = len(behind) == len(node.output) == 1 and node.output[0] not in outputs
        return behind[0] if alone else None

    def own(name: str) -> bool:
        return name in constants and len(readers[name]) == 1

    for first in graph.node:
        if (axis := _outputs_axis(first, constants)) is None or not own(first.input[1]):
            continue
        bias, node = first.input[2] if len(first.input) > 2 else "", only_reader(first)
        if first.op_type == "MatMul" and node is not None and node.op_type == "Add":
            added = [name for name in node.input if name in constants]
            bias, node = (added[0], only_reader(node)) if len(added) == 1 else (bias, None)
        while node is not None and node.op_type in HOMOGENEOUS:
            node = only_reader(node)
        if node is None or (bias and not own(bias)):
            continue
        taken = _inputs_axis(node, constants)
        channels = constants[first.input[1]].dims[axis]
        if taken is None or not own(node.input[1]) or constants[node.input[1]].dims[taken] != channels:
            continue
        if not bias or list(constants[bias].dims) == [channels]:
            yield _Pair(first.input[1], axis, bias, node.input[1], taken)


def _outputs_axis(node: Any, constants: Mapping[str, Any]) -> int | None:
    """The axis of a layer's weight along which its output channels lie; None for what is no layer."""
    if len(node.input) < 2 or node.input[1] not in constants:
        return None
    if node.op_type == "Conv":
        return 0
    return _matrix_axis(node, constants, of_inputs=False)


def _inputs_axis(node: Any, constants: Mapping[str, Any]) -> int | None:
    """The axis of a layer's weight along which its input channels lie; None for what is no layer, or has groups."""
    if len(node.input) < 2 or node.input[1] not in constants:
        return None
    if node.op_type == "Conv":
        dims, groups = constants[node.input[1]].dims, _given(node).get("group", 1)
        if groups == 1:
            return 1
        return 0 if groups == dims[0] and dims[1] == 1 else None  # one channel in each group
    return _matrix_axis(node, constants, of_inputs=True)


def _matrix_axis(node: Any, constants: Mapping[str, Any], *, of_inputs: bool) -> int | None:
    given = _given(node)
    plain = node.op_type == "MatMul" or (node.op_type == "Gemm" and not given.get("transA"))
    if not plain or len(constants[node.input[1]].dims) != 2:
        return None
    return int(bool(given.get("transB")) == of_inputs)


def _given(node: Any) -> dict[str, int]:
    return {attribute.name: attribute.i for attribute in node.attribute}
