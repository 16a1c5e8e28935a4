"""Smoothing: outliers of activations are moved into weights before both are rounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.ranges import watching

EXAMPLES = 64
"""At most so many examples are looked at: the largest activations of a channel hardly depend on more."""

SMALLEST = 1e-5

NOTHING = "no layer normalization comes before a linear layer, so that nothing can be smoothed"


def smoothing_problem(model: nn.Module) -> str | None:
    """Return why there is nothing to smooth in `model`, or None."""
    return None if any(isinstance(module, nn.LayerNorm) for module in model.modules()) else NOTHING


def smooth(model: onnx.ModelProto, calibration: Calibration) -> None:
    """Change `model` in place to one that computes the same, with fewer outliers before its linear layers.

    A channel that a layer normalization gives is divided by a factor, in scale and bias of the normalization, and the
    weights that read it are multiplied by it. The factor is the root of the channel's largest activation over its
    largest weight. What else reads the normalization gets the former numbers, from a copy. Source: G. Xiao et al.,
    "SmoothQuant", ICML 2023, with alpha = 0.5.

    Raises:
        TrialFailed: there is nothing to smooth, or no calibration example.
    """
    graph = model.graph
    constants = {i.name: i for i in graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = [(norm, _linear(norm.output[0], readers, constants)) for norm in graph.node if _is_norm(norm, constants)]
    found = [(norm, linear) for norm, linear in found if linear]
    if not found:
        raise TrialFailed(f"{NOTHING}; leave quantization.mitigation: smooth out")
    largest = _largest(model, [norm.output[0] for norm, _ in found], calibration)
    for norm, linear in found:
        axes = {node.input[1]: _inputs_axis(node) for node in linear}
        weights = {name: numpy_helper.to_array(constants[name]) for name in axes}
        of_weights = np.max([np.abs(w).max(axis=1 - axes[name]) for name, w in weights.items()], axis=0)
        factor = np.sqrt(np.maximum(largest[norm.output[0]], SMALLEST) / np.maximum(of_weights, SMALLEST))
        factor = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
        for name, weight in weights.items():
            by_input = factor[:, None] if axes[name] == 0 else factor
            constants[name].CopyFrom(numpy_helper.from_array(weight * by_input, name))
        _divide(graph, norm, linear, readers[norm.output[0]], constants, factor)


def _is_norm(node: Any, constants: Mapping[str, Any]) -> bool:
    """True for a normalization of the last axis with constant scale and bias."""
    axis = next((a.i for a in node.attribute if a.name == "axis"), -1)
    return bool(
        node.op_type == "LayerNormalization"
        and axis == -1
        and len(node.input) == 3
        and len(node.output) == 1
        and all(name in constants and len(constants[name].dims) == 1 for name in node.input[1:])
    )


def _linear(tensor: str, readers: Mapping[str, list[Any]], constants: Mapping[str, Any]) -> list[Any]:
    """The linear layers that read `tensor`, and whose weights nothing else reads."""
    own = [
        node
        for node in readers.get(tensor, [])
        if node.op_type in ("MatMul", "Gemm")
        and node.input[0] == tensor
        and node.input[1] in constants
        and len(constants[node.input[1]].dims) == 2
        and all(other in readers[tensor] for other in readers[node.input[1]])
    ]
    axes = {(node.input[1], _inputs_axis(node)) for node in own}
    return own if len(axes) == len({name for name, _ in axes}) else []


def _inputs_axis(node: Any) -> int:
    return int(any(a.name == "transB" and a.i for a in node.attribute))


def _largest(model: onnx.ModelProto, names: list[str], calibration: Calibration) -> dict[str, np.ndarray]:
    """The largest absolute number in each channel, the last axis, of the tensors `names`."""
    session = watching(model, names)
    largest: dict[str, np.ndarray] = {}
    for feed in calibration.first(EXAMPLES).feeds():
        for name, value in zip(names, session.run(names, feed), strict=True):
            found = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest.get(name, found), found)
    return largest


def _divide(
    graph: Any, norm: Any, linear: list[Any], readers: list[Any], constants: dict[str, Any], factor: np.ndarray
) -> None:
    """Let `linear` read what `norm` gives, divided by `factor`."""
    tensor, names = norm.output[0], [f"{norm.output[0]}_{word}" for word in ("scale", "bias")]
    for source, name in zip(norm.input[1:], names, strict=True):
        made = numpy_helper.from_array(numpy_helper.to_array(constants[source]) / factor, name)
        graph.initializer.append(made)
    smoothed = onnx.NodeProto()
    smoothed.CopyFrom(norm)
    smoothed.name, smoothed.output[0] = f"{norm.name}_smoothed", f"{tensor}_smoothed"
    smoothed.input[1:] = names
    position = next(index for index, node in enumerate(graph.node) if node.output[0] == tensor)
    graph.node.insert(position + 1, smoothed)
    for node in linear:
        node.input[0] = smoothed.output[0]
    is_output = any(output.name == tensor for output in graph.output)
    if not is_output and all(any(node is other for other in linear) for node in readers):
        graph.node.remove(norm)
