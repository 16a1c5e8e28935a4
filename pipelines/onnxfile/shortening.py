"""An ONNX file without what no runtime reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


def shortened(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, changed in place: short names, no notes, nothing twice or unused, no shapes that can be inferred.

    Shapes stay in half precision: ONNX Runtime 1.32 crashes on half-precision transformers that do not tell them, in
    its blocked layout for convolutions, which meets casts that it has put in itself.
    """
    _drop_unused(model)
    _share(model.graph)
    if not any(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16 for value in model.graph.value_info):
        _forget(model.graph, "value_info")
    names: dict[str, str] = {"": ""}
    names |= {value.name: value.name for value in chain(model.graph.input, model.graph.output)}
    words = (word for index in count() if (word := f"{index:x}") not in names)

    def short(name: str) -> str:
        if name not in names:
            names[name] = next(words)
        return names[name]

    _shorten(model.graph, short)
    _in_plain_bytes(model.graph)
    _forget(model, "doc_string", "metadata_props")
    return model


def _drop_unused(model: onnx.ModelProto) -> None:
    """Weights that no operator reads, and imports of domains without an operator."""
    read = {*_read(model.graph), *(output.name for output in model.graph.output)}
    weights = [weight for weight in model.graph.initializer if weight.name in read]
    _forget(model.graph, "initializer")
    model.graph.initializer.extend(weights)
    domains = {"", *_domains(model.graph)}
    imports = [imported for imported in model.opset_import if imported.domain in domains]
    _forget(model, "opset_import")
    model.opset_import.extend(imports)


def _share(graph: onnx.GraphProto) -> None:
    """Matrices that are equal, or the same with rows for columns, such as tied weights, are kept once.

    The other form is a ``Transpose``, which runtimes carry out when they load the file. Matrices of one number alone
    are left: those are equal by chance.
    """
    fixed = {value.name for value in chain(graph.input, graph.output)}
    alike: dict[tuple[int, tuple[int, ...]], list[onnx.TensorProto]] = {}
    for weight in graph.initializer:
        if len(weight.dims) == 2 and min(weight.dims) > 1 and weight.name not in fixed:
            alike.setdefault((weight.data_type, tuple(sorted(weight.dims))), []).append(weight)
    for weights in alike.values():
        kept: list[tuple[str, np.ndarray]] = []
        for weight in weights if len(weights) > 1 else ():
            values = numpy_helper.to_array(weight)
            if (values == values.flat[0]).all():
                continue
            if (same := next((name for name, other in kept if np.array_equal(values, other)), None)) is not None:
                node = onnx.helper.make_node("Identity", [same], [weight.name])
            elif (turned := next((name for name, other in kept if np.array_equal(values.T, other)), None)) is not None:
                node = onnx.helper.make_node("Transpose", [turned], [weight.name], perm=[1, 0])
            else:
                kept.append((weight.name, values))
                continue
            graph.node.insert(0, node)
            graph.initializer.remove(weight)


def _in_plain_bytes(graph: onnx.GraphProto) -> None:
    """Small numbers in bytes of their own, not in protobuf's variable ones, of which large values take more."""
    for weight in graph.initializer:
        if weight.int32_data:
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight), weight.name))


def _shorten(graph: onnx.GraphProto, short: Callable[[str], str]) -> None:
    """Rename within `graph` and the graphs inside it: a name means the same in all of them."""
    _forget(graph, "doc_string", "metadata_props", "quantization_annotation")
    sparse = (tensor.values for tensor in graph.sparse_initializer)
    for value in chain(graph.input, graph.output, graph.initializer, graph.value_info, sparse):
        value.name = short(value.name)
        _forget(value, "doc_string")
    for node in graph.node:
        _forget(node, "name", "doc_string", "metadata_props")
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
        for inner in _inner(node):
            _shorten(inner, short)


def _domains(graph: onnx.GraphProto) -> Iterator[str]:
    """Whose operators `graph` and the graphs inside it use."""
    for node in graph.node:
        yield node.domain
        for inner in _inner(node):
            yield from _domains(inner)


def _read(graph: onnx.GraphProto) -> Iterator[str]:
    """The names that operators of `graph` and of the graphs inside it read; of these, what they give as well."""
    for node in graph.node:
        yield from node.input
        for inner in _inner(node):
            yield from _read(inner)
            yield from (output.name for output in inner.output)


def _inner(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The bodies of a loop or branch."""
    for attribute in node.attribute:
        yield from [attribute.g] if attribute.HasField("g") else attribute.graphs


def _forget(message: Any, *fields: str) -> None:
    for field in fields:
        message.ClearField(field)
