"""Operators that give the same entries in another shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pipelines.networks.axes import Axis, Dim, Mismatch, fresh, outermost, size_of
from pipelines.networks.rules.rule import Rule

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow


def _view(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    left: list[Axis] = [axis for dim in flow.dims(args[0]) for axis in dim]
    dims: list[Dim] = []
    try:
        for size in result.shape:
            found, rest = outermost(left, size)
            dims.append(found)
            left = list(rest)
    except Mismatch:
        _view_by_parts(flow, args[0], result)
        return
    flow.give(result, dims)


def _view_by_parts(flow: Dataflow, given: Tensor, result: Tensor) -> None:
    """A view that cannot be followed everywhere: where sizes meet, what lies between is told apart."""
    old, new = list(zip(given.shape, flow.dims(given), strict=True)), list(result.shape)
    dims: list[Dim] = []
    while new:
        sizes, here = [new.pop(0)], [old.pop(0)] if old else []
        while _product(sizes) != _product([size for size, _ in here]):
            if _product(sizes) < _product([size for size, _ in here]):
                sizes.append(new.pop(0))
            else:
                here.append(old.pop(0))
        left: list[Axis] = [axis for _, dim in here for axis in dim]
        try:
            found = []
            for size in sizes:
                first, rest = outermost(left, size)
                found.append(first)
                left = list(rest)
        except Mismatch:
            flow.stop(tuple(left))
            for _, dim in here:
                flow.stop(dim)
            found = [fresh(size, f"the operator {flow.operator} parts it from others") for size in sizes]
        dims += found
    flow.give(result, dims)


def _product(sizes: Sequence[int]) -> int:
    return size_of([Axis(size) for size in sizes])


def _permute(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = flow.dims(args[0])
    flow.give(result, [dims[place] for place in args[1]])


def _transpose(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    if dims:
        one, other = args[1:3] if len(args) > 1 else (0, -1)
        dims[one], dims[other] = dims[other], dims[one]
    flow.give(result, dims)


def _unsqueeze(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    dims.insert(args[1] % (len(dims) + 1), ())
    flow.give(result, dims)


def _squeeze(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    count = args[0].dim()
    asked = args[1] if len(args) > 1 else range(count)
    places = {place % count for place in ([asked] if isinstance(asked, int) else asked)} if count else set()
    dims = flow.dims(args[0])
    flow.give(result, [dim for at, dim in enumerate(dims) if at not in places or args[0].shape[at] != 1])


def _expand(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = flow.dims(args[0])
    more = result.dim() - len(dims)
    found = [fresh(size, roles=("repeated",)) for size in result.shape[:more]]
    for dim, size in zip(dims, result.shape[more:], strict=True):
        found.append(dim if size_of(dim) == size else fresh(size, roles=("repeated",)))
    flow.give(result, found)


def _repeat(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    dims = [()] * (len(args[1]) - len(dims)) + dims
    flow.give(result, [(*fresh(n, roles=("repeated",)), *dim) for n, dim in zip(args[1], dims, strict=True)])


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "_reshape_copy"), _view),
    "permute": _permute,
    **dict.fromkeys(("transpose", "t", "transpose_", "t_"), _transpose),
    **dict.fromkeys(("unsqueeze", "unsqueeze_"), _unsqueeze),
    **dict.fromkeys(("squeeze", "squeeze_"), _squeeze),
    "expand": _expand,
    "repeat": _repeat,
}  # fmt: skip
"""By the name of the operator in ATen."""
