"""Operators that take a tensor apart, put several together, or move entries along a dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipelines.networks.axes import PARTS, Axis, Dim, Mismatch, fix, fresh, joined, outermost, part, size_of
from pipelines.networks.rules.rule import POSITIONS, Rule

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow


def _select(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    flow.stop(dims.pop(args[1]))
    flow.give(result, dims)


def _unbind(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Sequence[Tensor]) -> None:
    dims = list(flow.dims(args[0]))
    flow.stop(dims.pop(args[1] if len(args) > 1 else 0))
    for each in result:
        flow.give(each, dims)


def _slice(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    given = [*args[1:], *(0, None, None, 1)[len(args) - 1 :]]
    place, start, stop, step = given
    place, dims = place % args[0].dim(), list(flow.dims(args[0]))
    size = args[0].shape[place]
    begin, end, step = slice(start, stop, step).indices(size)
    dims[place] = (
        _part(flow, dims[place], begin, max(begin, end)) if step == 1 else _lost(flow, dims[place], result, place)
    )
    flow.give(result, dims)


def _part(flow: Dataflow, dim: Dim, start: int, stop: int) -> Dim:
    """The entries of `dim` from `start` to before `stop`; where they cannot be told apart, none can go."""
    try:
        return part(dim, start, stop)
    except Mismatch:
        flow.stop(dim)
        return fresh(stop - start, f"the operator {flow.operator} takes it from others")


def _lost(flow: Dataflow, dim: Dim, result: Tensor, place: int) -> Dim:
    flow.stop(dim)
    return fresh(result.shape[place], f"the operator {flow.operator} gives it")


def _split(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Sequence[Tensor]) -> None:
    place = (args[2] if len(args) > 2 else kwargs.get("dim", 0)) % args[0].dim()
    dims, sizes = list(flow.dims(args[0])), [each.shape[place] for each in result]
    if len(set(sizes)) == 1 and len(sizes) > 1:  # equal parts stay equal only if they lose the same
        try:
            outer, inner = outermost(dims[place], len(sizes))
            fix(outer, PARTS)
            for each in result:
                flow.give(each, [*dims[:place], inner, *dims[place + 1 :]])
            return
        except Mismatch:
            pass
    begin = 0
    for each, size in zip(result, sizes, strict=True):
        found = _part(flow, dims[place], begin, begin + size)
        flow.give(each, [*dims[:place], found, *dims[place + 1 :]])
        begin += size


def _glu(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    place = (args[1] if len(args) > 1 else -1) % len(dims)
    outer, inner = outermost(dims[place], 2)
    fix(outer, PARTS)
    dims[place] = inner
    flow.give(result, dims)


def _cat(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    tensors = [x for x in args[0] if x.dim() == result.dim()]
    place = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % result.dim()
    several = [flow.dims(x) for x in tensors if x.shape[place]]
    dims = list(several[0])
    for other in several[1:]:
        for at, dim in enumerate(other):
            if at != place:
                flow.same(dims[at], dim)
    dims[place] = joined([each[place] for each in several])
    flow.give(result, dims)


def _stack(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    place = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % result.dim()
    dims = list(flow.dims(args[0][0]))
    for x in args[0][1:]:
        for one, other in zip(dims, flow.dims(x), strict=True):
            flow.same(one, other)
    dims.insert(place, fresh(len(args[0]), PARTS))
    flow.give(result, dims)


def _pad(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims, pads = list(flow.dims(args[0])), args[1]
    for turn in range(len(pads) // 2):
        before, after = pads[2 * turn : 2 * turn + 2]
        if before < 0 or after < 0:
            raise Mismatch
        if before or after:
            sides = [(Axis(count, POSITIONS),) if count else () for count in (before, after)]
            dims[-1 - turn] = joined([dim for dim in (sides[0], dims[-1 - turn] or (Axis(1),), sides[1]) if dim])
    flow.give(result, dims)


def _moved(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    """flip, roll: the dimensions named are put in another order; all of them, as one row, if roll names none."""
    dims = flow.dims(args[0])
    named = args[1] if flow.operator == "flip" else args[2] if len(args) > 2 else ()
    places = [named] if isinstance(named, int) else named
    for place in places or range(len(dims)):
        flow.stop(dims[place])
    flow.give(result, dims)


def _index(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims, indices = flow.dims(args[0]), list(args[1])
    used = [at for at, index in enumerate(indices) if index is not None]
    if not used:
        raise Mismatch
    covered = {at: indices[at].dim() if indices[at].dtype in (torch.bool, torch.uint8) else 1 for at in used}
    places, at = list[int](), 0
    kept: list[tuple[int, Dim]] = []
    for number in range(len(indices)):
        width = covered.get(number, 1)
        if number in covered:
            places += range(at, at + width)
        else:
            kept.append((at, dims[at]))
        at += width
    kept += [(more, dims[more]) for more in range(at, len(dims))]
    for place in places:
        if flow.depends_on_input(args[0]):
            flow.stop(dims[place])
        else:
            fix(dims[place], POSITIONS)  # a table of learned numbers, such as biases by distance
    count = result.dim() - len(kept)
    adjacent = used == list(range(used[0], used[-1] + 1))
    before = [dim for place, dim in kept if place < places[0]] if adjacent else []
    after = [dim for _, dim in kept][len(before) :]
    made = [fresh(size, POSITIONS) for size in result.shape[len(before) : len(before) + count]]
    flow.give(result, [*before, *made, *after])


def _along(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """index_select, gather, topk, sort: nothing is known of the dimension that they work along."""
    x = args[0]
    place = (
        next((a for a in args[1:] if isinstance(a, int)), -1)
        if flow.operator not in ("topk",)
        else (args[2] if len(args) > 2 else -1)
    )
    dims = list(flow.dims(x))
    flow.stop(dims[place])
    for each in (result,) if isinstance(result, Tensor) else result:
        own = [dim if size_of(dim) == size else fresh(size) for dim, size in zip(dims, each.shape, strict=True)]
        own[place] = fresh(each.shape[place], POSITIONS)
        for one, dim in zip(own, dims, strict=True):
            if size_of(one) != size_of(dim):
                flow.stop(dim)
        flow.give(each, own)


RULES: Mapping[str, Rule] = {
    "select": _select,
    "unbind": _unbind,
    "slice": _slice,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk"), _split),
    "glu": _glu,
    "cat": _cat,
    "stack": _stack,
    "constant_pad_nd": _pad,
    **dict.fromkeys(("flip", "roll"), _moved),
    "index": _index,
    **dict.fromkeys(("index_select", "gather", "topk", "sort"), _along),
}  # fmt: skip
"""By the name of the operator in ATen."""
