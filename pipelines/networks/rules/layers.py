"""Layers with weights: convolutions, norms, embeddings, recurrent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pipelines.networks.axes import fix, fresh, mark, outermost, size_of
from pipelines.networks.rules.rule import HIDDEN, POSITIONS, Rule

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow


def _convolution(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    given, weight, bias = args[:3]
    transposed, groups = args[6], args[8]
    x, w = flow.dims(given), flow.dims(weight)
    for dim in x[2:]:
        fix(dim, POSITIONS)
    for dim in w[2:]:
        fix(dim, POSITIONS)
    outer, inner = (w[1], w[0]) if transposed else (w[0], w[1])
    if groups == 1:
        flow.same(x[1], inner)
        made = outer
    else:
        group, each = outermost(w[0], groups)
        # A depthwise layer has no other channels than its groups.
        depthwise = size_of(inner if not transposed else each) == 1
        mark(each if depthwise else group, "group")
        if name := flow.name_of(weight):
            flow.groups[name] = group
        flow.same(x[1], (*group, *(each if transposed else w[1])))
        made = (*group, *(w[1] if transposed else each))
    if bias is not None:
        flow.same(flow.dims(bias)[0], made)
    flow.give(result, [x[0], made, *(fresh(size, POSITIONS) for size in result.shape[2:])])


def _batch_norm(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    dims = flow.dims(args[0])
    for tensor in args[1:5]:
        if isinstance(tensor, Tensor):
            flow.same(flow.dims(tensor)[0], dims[1])
    flow.give(result[0], dims)


def _layer_norm(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    dims, count = flow.dims(args[0]), len(args[1])
    for tensor in args[2:4]:
        if isinstance(tensor, Tensor):
            for one, other in zip(flow.dims(tensor), dims[-count:], strict=True):
                flow.same(one, other)
    flow.takes_statistics({len(dims) - count + at: dim for at, dim in enumerate(dims[-count:])})
    flow.give(result if isinstance(result, Tensor) else result[0], dims)


def _group_norm(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    dims, groups = flow.dims(args[0]), args[6]
    group, each = outermost(dims[1], groups)
    if each:
        mark(group, "group")
    for tensor in args[1:3]:
        if isinstance(tensor, Tensor):
            flow.same(flow.dims(tensor)[0], (*group, *each))
    flow.takes_statistics({1: (*group, *each)})
    flow.give(result[0], dims)


def _weight_norm(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    dims, place = flow.dims(args[0]), args[2] if len(args) > 2 else 0
    flow.same(dims[place], flow.dims(args[1])[place])
    flow.give(result[0], dims)


def _embedding(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    weight = flow.dims(args[0])
    fix(weight[0], POSITIONS)
    flow.give(result, [*flow.dims(args[1]), weight[1]])


def _embedding_bag(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    weight = flow.dims(args[0])
    fix(weight[0], POSITIONS)
    flow.give(result[0], [fresh(result[0].shape[0], POSITIONS), weight[1]])


def _recurrent(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """One direction of one recurrent layer: its inputs are followed, its hidden state stays."""
    x, weight = flow.dims(args[0]), flow.dims(args[1])
    flow.same(x[-1], weight[1])
    for tensor in args[2:7]:
        for dim in flow.dims(tensor):
            fix(dim, HIDDEN)
    fix(weight[0], HIDDEN)
    for each in result:
        flow.give(each, [fresh(size, HIDDEN) for size in each.shape])
    flow.give(result[0], [*x[:-1], fresh(result[0].shape[-1], HIDDEN)])


RULES: Mapping[str, Rule] = {
    "convolution": _convolution,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit",
                     "_batch_norm_no_update", "cudnn_batch_norm"), _batch_norm),
    **dict.fromkeys(("native_layer_norm", "_fused_rms_norm", "rms_norm"), _layer_norm),
    "native_group_norm": _group_norm,
    "_weight_norm_interface": _weight_norm,
    "embedding": _embedding,
    **dict.fromkeys(("_embedding_bag", "_embedding_bag_forward_only"), _embedding_bag),
    "mkldnn_rnn_layer": _recurrent,
}  # fmt: skip
"""By the name of the operator in ATen."""
