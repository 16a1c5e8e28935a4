"""Static int8: weights and activations in 8 bits, with ranges found on calibration data before shipping."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QDQQuantizer, QuantType
from torch import nn

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights
from pipelines.onnxfile.operators import OPERATORS as KNOWN
from pipelines.onnxfile.operators import operator
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.parameters import (
    AUTO,
    CALIBRATION_SIZE,
    CALIBRATOR,
    EVERY,
    GRANULARITY,
    KEEP_FLOAT,
    MITIGATION,
    NOT_FUSED_ON_CUDA,
    OPERATORS,
    PRODUCTS,
    keeps_none,
    refined,
)
from pipelines.quantizers.ranges import find_ranges, masked
from spaces import Parameter, Params

TYPES = sorted(name for name, known in KNOWN.items() if known.static)


class StaticInt8:
    """8-bit weights and activations in QDQ form, which ONNX Runtime fuses into integer kernels.

    Activations are unsigned and weights signed: with signed activations the x86 kernels are slower than floating
    point. Weights use 7 of their 8 bits: processors without VNNI add pairs of products in 16 bits, which 8 and 8 bits
    overflow, and the file has to give the same answers wherever it goes. Operators that read or give masks stay in
    floating point: their range would swallow everything else. Source: ONNX Runtime documentation, "Quantize ONNX
    Models".
    """

    name = "static-int8"
    parameters: tuple[Parameter, ...] = (CALIBRATOR, GRANULARITY, OPERATORS, CALIBRATION_SIZE, MITIGATION, KEEP_FLOAT)
    declares = Declaration(formats=("onnx",), unsuited=(NOT_FUSED_ON_CUDA,), knows_structure=keeps_none)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        calibrator, model = str(params["calibrator"]), onnx.load(source)

        def ranges(method: str, leave_out: Collection[str] = ()) -> Any:
            return calibration.once(
                (source, method), lambda: find_ranges(source, calibration, method, TYPES, leave_out)
            )

        masks = masked(ranges("minmax"))
        # A copy, as the quantizer narrows them.
        known = copy.deepcopy(ranges(calibrator, masks if calibrator != "minmax" else ()))
        for name in masks:
            known.data.pop(name, None)
        types = _types(model.graph, str(params.get(OPERATORS.key, OPERATORS.default)))
        # What follows a product computes in floating point then, which the integer kernels give it at once.
        whole = [] if types == TYPES else ["Gemm", "MatMul"]
        left = [*keep, *_left_whole(model.graph, masks), *(() if types == TYPES else _of_activations(model.graph))]
        quantizer = QDQQuantizer(
            model,
            per_channel=params["granularity"] == "channel",
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=known,
            nodes_to_quantize=[],
            nodes_to_exclude=left,
            op_types_to_quantize=types,
            extra_options={"OpTypesToExcludeOutputQuantization": whole},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
        _spare(quantizer.model.model.graph, types, {*types}.difference(whole))
        _leave_outputs_whole(quantizer.model.model.graph)
        onnx.save(quantizer.model.model, target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return refined(self.name, params, self.parameters)


def _types(graph: Any, operators: str) -> list[str]:
    """The types of operators that become integers, given the parameter ``quantization.operators``."""
    if operators == AUTO:
        operators = PRODUCTS if _is_transformer(graph) else EVERY
    return TYPES if operators == EVERY else [name for name in TYPES if operator(name).kernel is not None]


def _is_transformer(graph: Any) -> bool:
    """Return True for networks with layer normalization, GELU or attention.

    Sums and products between their layers have outliers that 256 steps do not hold, and no neighbour in 8 bits.
    """
    if any(operator(node.op_type).of_tokens for node in graph.node):
        return True
    weights = {name for node in graph.node if node.op_type == "Softmax" for name in node.output}
    return any(node.op_type == "MatMul" and weights.intersection(node.input) for node in graph.node)


def _left_whole(graph: Any, masks: Collection[str]) -> Iterator[str]:
    """The names of the operators that stay in floating point, whatever is asked for.

    They are those that read or give one of the tensors `masks`, and those that ONNX Runtime computes wrongly in 8 bits,
    or not at all, with those that read what they give: between integers ONNX Runtime would make integers of them.
    """
    broken = {name for node in graph.node if _is_broken(node) for name in node.output}
    for node in graph.node:
        if not {*masks, *broken}.isdisjoint([*node.input, *node.output]):
            yield node.name


def _of_activations(graph: Any) -> Iterator[str]:
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


def _spare(graph: Any, reading: Collection[str], giving: Collection[str]) -> None:
    """Let operators that compute in floating point read what such operators give without rounding between them.

    Args:
        graph: A quantized graph, in which whoever reads a tensor reads it rounded if anyone does.
        reading: The types of operators that read integers.
        giving: The types of operators that give integers.
    """
    producers = {name: node for node in graph.node for name in node.output}
    rounding = ("QuantizeLinear", "DequantizeLinear")
    for node in graph.node:
        if node.op_type in reading or node.op_type in rounding:
            continue
        for index, name in enumerate(node.input):
            back = producers.get(name)
            there = producers.get(back.input[0]) if back is not None and back.op_type == rounding[1] else None
            if there is None or there.op_type != rounding[0]:
                continue
            giver = producers.get(there.input[0])
            if giver is None or giver.op_type not in giving:
                node.input[index] = there.input[0]
    uses = Counter([name for node in graph.node for name in node.input] + [output.name for output in graph.output])
    for node in reversed(list(graph.node)):
        if node.op_type in rounding and not uses[node.output[0]]:
            uses.subtract(node.input)
            graph.node.remove(node)


def _leave_outputs_whole(graph: Any) -> None:
    """Take the rounding away that stands between a matrix product and the output of the network.

    The integer kernels can give floating-point numbers there, at no cost: why round the logits to 256 steps?
    """
    producers = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    for output in graph.output:
        back = producers.get(output.name)
        there = producers.get(back.input[0]) if back is not None and back.op_type == "DequantizeLinear" else None
        if back is None or there is None or there.op_type != "QuantizeLinear":
            continue
        product = producers.get(there.input[0])
        if product is None or product.op_type not in ("Gemm", "MatMul"):
            continue
        if uses[there.output[0]] == uses[product.output[0]] == 1:
            product.output[0] = output.name
            graph.node.remove(there)
            graph.node.remove(back)
