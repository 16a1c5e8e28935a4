"""Rounding in a quantized graph: taken away where it is for nothing, finer for the biases of dead channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from onnx import numpy_helper

from pipelines.onnxfile.operators import operator

ROUNDING = ("QuantizeLinear", "DequantizeLinear")

BIAS_STEPS = 2**24
"""Into so many steps the bias of a dead channel is divided; 32 bits hold more."""


def spare(graph: Any, reading: Collection[str], giving: Collection[str]) -> None:
    """Let operators that compute in floating point read what such operators give without rounding between them.

    Args:
        graph: A quantized graph, in which whoever reads a tensor reads it rounded if anyone does.
        reading: The types of operators that read integers.
        giving: The types of operators that give integers.
    """
    producers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type in reading or node.op_type in ROUNDING:
            continue
        for index, name in enumerate(node.input):
            back = producers.get(name)
            there = producers.get(back.input[0]) if back is not None and back.op_type == ROUNDING[1] else None
            if there is None or there.op_type != ROUNDING[0]:
                continue
            giver = producers.get(there.input[0])
            if giver is None or giver.op_type not in giving:
                node.input[index] = there.input[0]
    uses = Counter([name for node in graph.node for name in node.input] + [output.name for output in graph.output])
    for node in reversed(list(graph.node)):
        if node.op_type in ROUNDING and not uses[node.output[0]]:
            uses.subtract(node.input)
            graph.node.remove(node)


def leave_products_whole(graph: Any, given: Mapping[str, str], floating: Collection[str]) -> None:
    """Take the rounding away between a matrix product and those who compute with what it gives in floating point.

    The integer kernels can give floating-point numbers there, at no cost: why round the logits to 256 steps?

    Args:
        graph: A quantized graph.
        given: What each product gave before, by the product's name: where it gives something else now, the rounding
            also does the work of a rectifier.
        floating: The names of the operators that compute in floating point.
    """
    producers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {output.name for output in graph.output}
    for back in list(graph.node):
        there = producers.get(back.input[0]) if back.op_type == ROUNDING[1] else None
        product = producers.get(there.input[0]) if there is not None and there.op_type == ROUNDING[0] else None
        if product is None or there is None or product.op_type not in ("Gemm", "MatMul"):
            continue
        if given.get(product.name) not in (product.output[0], back.output[0]):
            continue
        behind = readers.get(back.output[0], [])
        alone = len(readers[there.output[0]]) == len(readers[product.output[0]]) == 1
        if alone and all(node.name in floating for node in behind) and (behind or back.output[0] in outputs):
            product.output[0] = back.output[0]
            graph.node.remove(there)
            graph.node.remove(back)


def refine_dead_channels(graph: Any, biases: Mapping[str, np.ndarray]) -> None:
    """Give output channels whose weights are all zero a scale of weights with which their bias is exact.

    ONNX Runtime's quantizer gives them the scale 1, and so rounds their bias, which is all that they give, to the steps
    of the input. Channels die by pruning, and by training with weight decay.

    Args:
        graph: A quantized graph.
        biases: The constants in floating point by name.
    """
    stored = {initializer.name: initializer for initializer in graph.initializer}
    backs = {node.output[0]: node for node in graph.node if node.op_type == ROUNDING[1]}
    uses = Counter(node.input[1] for node in backs.values())
    for node in graph.node:
        parts: list[Any] = [backs.get(name) for name in node.input[:3]]
        if operator(node.op_type).kernel != 1 or len(parts) < 3 or None in parts:
            continue
        given, weight, bias = parts
        exact = biases.get(bias.input[0].removesuffix("_quantized"))
        if exact is None or given.input[1] not in stored or max(uses[weight.input[1]], uses[bias.input[1]]) > 1:
            continue
        of_input, scale, codes, rounded, of_bias = (
            numpy_helper.to_array(stored[name])
            for name in (given.input[1], weight.input[1], weight.input[0], bias.input[0], bias.input[1])
        )
        axis = next((attribute.i for attribute in weight.attribute if attribute.name == "axis"), 0)
        others = tuple(index for index in range(codes.ndim) if index != axis)
        dead = (codes == 0).all(axis=others) if scale.ndim else np.full(exact.shape, not codes.any())
        if not dead.any() or dead.shape != exact.shape or (scale.ndim and scale.shape != dead.shape):
            continue
        largest = np.abs(exact) if scale.ndim else np.abs(exact).max()
        wanted = largest / (of_input * BIAS_STEPS)
        finer = np.where((wanted > 0) & (dead if scale.ndim else True), wanted, scale).astype(scale.dtype)
        steps = (of_input * finer).astype(of_bias.dtype)
        codes_of_bias = np.where(dead, np.rint(exact / steps), rounded).astype(rounded.dtype)
        for name, array in (weight.input[1], finer), (bias.input[1], steps), (bias.input[0], codes_of_bias):
            stored[name].CopyFrom(numpy_helper.from_array(array, name))
