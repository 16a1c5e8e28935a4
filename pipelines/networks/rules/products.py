"""Products of matrices, and attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pipelines.networks.axes import mark, outermost, size_of
from pipelines.networks.rules.rule import Rule

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow


def _product_of(flow: Dataflow, one: Tensor, other: Tensor, result: Tensor) -> None:
    """A (batched) product of matrices."""
    left, right = flow.dims(one), flow.dims(other)
    both = flow.depends_on_input(one, other)
    flow.same(left[-1], right[-2] if len(right) > 1 else right[0])
    for a, b in zip(left[:-2], right[:-2], strict=False):
        flow.same(a, b)
    dims = [*left[:-1], *((right[-1],) if len(right) > 1 else ())]
    if both:
        for dim in left[:-2]:
            mark(dim, "batched")
        for dim in (left[-1], left[-2], right[-1]) if len(right) > 2 else ():
            mark(dim, "mixed")
    flow.give(result, dims)


def _mm(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    _product_of(flow, args[0], args[1], result)


def _addmm(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    _product_of(flow, args[1], args[2], result)
    for one, other in zip(reversed(flow.dims(args[0])), reversed(flow.dims(result)), strict=False):
        if one:
            flow.same(one, other)


def _linear(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    x, weight = flow.dims(args[0]), flow.dims(args[1])
    flow.same(x[-1], weight[1])
    if len(args) > 2 and args[2] is not None:
        flow.same(flow.dims(args[2])[0], weight[0])
    flow.give(result, [*x[:-1], weight[0]])


def _attention(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """scaled_dot_product_attention: (batch, heads, length, width)."""
    query, key, value = (flow.dims(x) for x in args[:3])
    flow.same(query[-1], key[-1])
    flow.same(key[-2], value[-2])
    for mine, keys, values in zip(query[:-2], key[:-2], value[:-2], strict=True):
        flow.same(keys, values)
        group, rest = outermost(mine, size_of(keys))  # queries that share their keys and values follow each other
        mark(rest, "repeated")
        flow.same(group, keys)
        mark(mine, "batched")
    for dim in (query[-1], value[-1], query[-2], key[-2]):
        mark(dim, "mixed")
    mask = kwargs.get("attn_mask", kwargs.get("attn_bias", next((x for x in args[3:] if isinstance(x, Tensor)), None)))
    if isinstance(mask, Tensor):
        scores = [*query[:-1], key[-2]]
        for one, other in zip(reversed(flow.dims(mask)), reversed(scores), strict=False):
            if one:
                flow.same(one, other)
    made = result if isinstance(result, Tensor) else result[0]
    flow.give(made, [*query[:-1], value[-1]])


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("mm", "bmm", "mv"), _mm),
    **dict.fromkeys(("addmm", "baddbmm"), _addmm),
    "linear": _linear,
    **dict.fromkeys(("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_attention_math",
                     "scaled_dot_product_attention", "_scaled_dot_product_attention_math_for_mps",
                     "_scaled_dot_product_efficient_attention", "_scaled_dot_product_flash_attention"), _attention),
}  # fmt: skip
"""By the name of the operator in ATen."""
