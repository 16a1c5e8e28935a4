"""The operators that stay in floating point, whatever else becomes integers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pipelines.onnxfile.operators import operator

RECTIFIERS = ("Relu", "Clip")
"""ONNX Runtime's quantizer takes these away where a range that ends as they do does their work."""


def left_whole(graph: Any, masks: Collection[str]) -> Iterator[str]:
    """The names of the operators that stay in floating point, whatever is asked for.

    They are those that read or give one of the tensors `masks`, those that ONNX Runtime computes wrongly in 8 bits, or
    not at all, with those that read what they give (between integers ONNX Runtime would make integers of them), and
    those whose result is an output: nobody reads it as an integer.
    """
    broken = {name for node in graph.node if _is_broken(node) for name in node.output}
    producers = {name: node for node in graph.node for name in node.output}
    outputs = {output.name for output in graph.output}
    for node in graph.node:
        if not {*masks, *broken}.isdisjoint([*node.input, *node.output]):
            yield node.name
        elif not outputs.isdisjoint(node.output) and _is_elementwise(node):
            giver = producers.get(node.input[0])
            # What a convolution gives is rounded in any case, and to fewer numbers before a rectifier than behind it.
            if node.op_type not in RECTIFIERS or giver is None or "convolution" not in operator(giver.op_type).kind:
                yield node.name


def of_activations(graph: Any) -> Iterator[str]:
    """The names of the matrix products, as in attention, of which neither side is a weight.

    Rounding both sides takes longer than such small products gain: 6 % of MiniLM's time, 2 % of ViT-Tiny's.
    """
    varying = {given.name for given in graph.input} - {initializer.name for initializer in graph.initializer}
    for node in graph.node:  # what a node reads comes before it
        if varying.intersection(node.input):
            varying.update(node.output)
        if node.op_type == "MatMul" and varying.issuperset(node.input):
            yield node.name


def _is_broken(node: Any) -> bool:
    """Return True for what ONNX Runtime has no right 8-bit kernel for.

    Averages of windows that reach over the border are wrong (by 8 % of the output, version 1.32), cubic
    interpolation does not load, and grouped transposed convolutions cannot be quantized by channel.
    """
    given = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type == "AveragePool":
        return "ceil_mode" in given and bool(given["ceil_mode"].i)
    if node.op_type == "Resize":
        return "mode" in given and given["mode"].s == b"cubic"
    return node.op_type == "ConvTranspose" and "group" in given and given["group"].i > 1


def _is_elementwise(node: Any) -> bool:
    known = operator(node.op_type)
    return known.static and known.kernel is None and known.kind in ("scaling", "other")
