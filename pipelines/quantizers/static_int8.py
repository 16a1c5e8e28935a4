"""Static int8: weights and activations in 8 bits, with ranges found on calibration data before shipping."""

from __future__ import annotations

import copy
from collections.abc import Collection
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QDQQuantizer, QuantType
from torch import nn

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights
from pipelines.onnxfile.operators import OPERATORS as KNOWN
from pipelines.onnxfile.operators import operator
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.floating_operators import left_whole, of_activations
from pipelines.quantizers.parameters import (
    AUTO,
    CALIBRATION_SIZE,
    CALIBRATOR,
    EVERY,
    GRANULARITY,
    KEEPING,
    MITIGATION,
    NOT_FUSED_ON_CUDA,
    OPERATORS,
    PRODUCTS,
    keeps_none,
    refined,
)
from pipelines.quantizers.ranges import find_ranges, masked, too_narrow
from pipelines.quantizers.rounding import leave_products_whole, refine_dead_channels, spare
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
    parameters: tuple[Parameter, ...] = (CALIBRATOR, GRANULARITY, OPERATORS, CALIBRATION_SIZE, MITIGATION, *KEEPING)
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

        extremes = ranges("minmax")
        masks = calibration.once((source, "masks"), lambda: masked(source, calibration, extremes))
        plain = {*masks, *too_narrow(extremes)}
        # A copy, as the quantizer narrows them.
        known = copy.deepcopy(extremes if calibrator == "minmax" else ranges(calibrator, plain))
        for name in plain.difference(masks, known.keys()):
            known.data[name] = copy.deepcopy(extremes.data[name])
        for name in masks:
            known.data.pop(name, None)
        types = _types(model.graph, str(params.get(OPERATORS.key, OPERATORS.default)))
        # What follows a product computes in floating point then, which the integer kernels give it at once.
        whole = [] if types == TYPES else ["Gemm", "MatMul"]
        left = [*keep, *left_whole(model.graph, masks), *(() if types == TYPES else of_activations(model.graph))]
        floating = {*left, *(node.name for node in model.graph.node if node.op_type not in types)}
        given = {node.name: node.output[0] for node in model.graph.node}
        constants = {initializer.name: numpy_helper.to_array(initializer) for initializer in model.graph.initializer}
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
        graph = quantizer.model.model.graph
        spare(graph, types, {*types}.difference(whole))
        leave_products_whole(graph, given, floating)
        refine_dead_channels(graph, constants)
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
