"""What operators do with axes: which dimensions of what they give are which of what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipelines.networks.axes import PARTS, Axis, Dim, Mismatch, fix, fresh, joined, mark, outermost, part, size_of

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow

POSITIONS = "positions"
"""Why an axis of places (rows, columns, tokens) that convolutions and pooling move is fixed."""

Rule = Callable[["Dataflow", Sequence[Any], Mapping[str, Any], Any], None]
"""Given the flow, an operator's arguments and its result: notes the result's dimensions, or raises `Mismatch`."""


def of_elements(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Operators that work element by element, with broadcasting."""
    given = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
    made = result if isinstance(result, Tensor) else result[0]
    dims: list[Dim] = [() for _ in made.shape]
    if any(made is x for x in given):
        dims = list(flow.dims(made))
    for x in given:
        for place, dim in enumerate(reversed(flow.dims(x)), 1):
            if not dim or place > len(dims):
                continue
            if dims[-place]:
                flow.same(dims[-place], dim)
            else:
                dims[-place] = dim
    dims = [dim if size_of(dim) == size else fresh(size) for dim, size in zip(dims, made.shape, strict=True)]
    for each in (made,) if isinstance(result, Tensor) else result:
        flow.give(each, dims)


def _add(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    of_elements(flow, args, kwargs, result)
    if isinstance(args[0], Tensor) and isinstance(args[1], Tensor) and flow.depends_on_input(args[0], args[1]):
        for dim in flow.dims(result):
            mark(dim, "added")


def _made(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    flow.give(result, [fresh(size) for size in result.shape])


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


def _reduce(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any, *, mean: bool = False) -> None:
    x = args[0]
    given = args[1] if len(args) > 1 else kwargs.get("dim")
    made = result if isinstance(result, Tensor) else result[0]
    if flow.operator == "linalg_vector_norm":
        given = args[2] if len(args) > 2 else kwargs.get("dim")
    places = range(x.dim()) if given is None or given == [] else [given] if isinstance(given, int) else given
    gone = {place % x.dim() for place in places} if x.dim() else set()
    dims = flow.dims(x)
    keep = made.dim() == x.dim()
    if mean:
        flow.takes_statistics({at: dims[at] for at in gone})
    found = [() if at in gone else dim for at, dim in enumerate(dims) if keep or at not in gone]
    for each in (result,) if isinstance(result, Tensor) else result:
        flow.give(each, found)


def _mean(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    _reduce(flow, args, kwargs, result, mean=True)


def _kept(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Operators along a dimension that give what has the same entries, such as softmax."""
    made = result if isinstance(result, Tensor) else result[0]
    flow.give(made, flow.dims(args[0]))


def _over_places(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Pooling, resizing, padding by reflection: channels stay, places change."""
    dims = list(flow.dims(args[0]))
    two = 1 if "1d" in flow.operator else 3 if "3d" in flow.operator else 2
    for dim in dims[-two:]:
        fix(dim, POSITIONS)
    for each in (result,) if isinstance(result, Tensor) else result:
        flow.give(each, [*dims[:-two], *(fresh(size, POSITIONS) for size in each.shape[-two:])])


def _moved(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    """flip, roll: the dimensions named are put in another order."""
    dims, places = flow.dims(args[0]), args[2] if flow.operator == "roll" and len(args) > 2 else args[1]
    for place in places if isinstance(places, (list, tuple)) else [places]:
        flow.stop(dims[place])
    flow.give(result, dims)


def _embedding(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    weight = flow.dims(args[0])
    fix(weight[0], POSITIONS)
    flow.give(result, [*flow.dims(args[1]), weight[1]])


def _embedding_bag(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    weight = flow.dims(args[0])
    fix(weight[0], POSITIONS)
    flow.give(result[0], [fresh(result[0].shape[0], POSITIONS), weight[1]])


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


def _glu(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    place = (args[1] if len(args) > 1 else -1) % len(dims)
    outer, inner = outermost(dims[place], 2)
    fix(outer, PARTS)
    dims[place] = inner
    flow.give(result, dims)


def _pixel_shuffle(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    channels, rest = outermost(dims[-3], result.shape[-3])
    fix(rest, POSITIONS)
    flow.give(result, [*dims[:-3], channels, *(fresh(size, POSITIONS) for size in result.shape[-2:])])


def _pixel_unshuffle(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    factor = result.shape[-3] // args[0].shape[-3]
    made = (*dims[-3], *fresh(factor, POSITIONS))
    flow.give(result, [*dims[:-3], made, *(fresh(size, POSITIONS) for size in result.shape[-2:])])


def _channel_shuffle(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    group, each = outermost(dims[1], args[1])
    mark(group, "group")
    dims[1] = (*each, *group)
    flow.give(result, dims)


def _unfold(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = list(flow.dims(args[0]))
    for dim in dims[-2:]:
        fix(dim, POSITIONS)
    kernel = result.shape[-2] // args[0].shape[-3]
    made = (*dims[-3], *fresh(kernel, POSITIONS))
    flow.give(result, [*dims[:-3], made, fresh(result.shape[-1], POSITIONS)])


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


HIDDEN = "it is the hidden state of a recurrent layer"


def _weight_norm(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    dims, place = flow.dims(args[0]), args[2] if len(args) > 2 else 0
    flow.same(dims[place], flow.dims(args[1])[place])
    flow.give(result[0], dims)


OPERATORS: Mapping[str, Rule] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "_reshape_copy"), _view),
    **dict.fromkeys(("transpose", "t", "transpose_", "t_"), _transpose),
    **dict.fromkeys(("add", "add_"), _add),
    **dict.fromkeys(("clone", "detach", "alias", "lift_fresh", "contiguous", "_to_copy", "copy_", "native_dropout",
                     "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "fill", "masked_fill",
                     "masked_fill_", "zero_", "fill_", "where", "bernoulli", "_prelu_kernel",
                     "hardswish", "hardswish_", "hardtanh", "hardtanh_", "hardsigmoid_", "leaky_relu_", "silu_",
                     "elu_", "mish_", "relu6", "as_strided_"), of_elements),
    **dict.fromkeys(("arange", "zeros", "ones", "full", "empty", "new_zeros", "new_ones", "new_full", "new_empty",
                     "scalar_tensor", "linspace", "eye", "tril_indices", "triu_indices"), _made),
    "permute": _permute,
    **dict.fromkeys(("unsqueeze", "unsqueeze_"), _unsqueeze),
    **dict.fromkeys(("squeeze", "squeeze_"), _squeeze),
    "expand": _expand,
    "repeat": _repeat,
    "select": _select,
    "unbind": _unbind,
    "slice": _slice,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk"), _split),
    "cat": _cat,
    "stack": _stack,
    "constant_pad_nd": _pad,
    **dict.fromkeys(("mm", "bmm", "mv"), _mm),
    **dict.fromkeys(("addmm", "baddbmm"), _addmm),
    "linear": _linear,
    **dict.fromkeys(("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_attention_math",
                     "scaled_dot_product_attention", "_scaled_dot_product_attention_math_for_mps",
                     "_scaled_dot_product_efficient_attention", "_scaled_dot_product_flash_attention"), _attention),
    "convolution": _convolution,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit",
                     "_batch_norm_no_update", "cudnn_batch_norm"), _batch_norm),
    **dict.fromkeys(("native_layer_norm", "_fused_rms_norm", "rms_norm"), _layer_norm),
    "native_group_norm": _group_norm,
    **dict.fromkeys(("mean", "var", "std", "var_mean"), _mean),
    **dict.fromkeys(("sum", "amax", "amin", "any", "all", "max", "min", "prod", "logsumexp", "argmax", "argmin",
                     "linalg_vector_norm", "norm"), _reduce),
    **dict.fromkeys(("_softmax", "_safe_softmax", "_log_softmax", "cumsum", "logcumsumexp", "tril", "triu"), _kept),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices",
                     "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_avg_pool1d",
                     "mkldnn_max_pool2d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
                     "upsample_bilinear2d", "upsample_bicubic2d", "upsample_linear1d", "upsample_trilinear3d",
                     "_upsample_nearest_exact2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa",
                     "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d",
                     "grid_sampler_2d"), _over_places),
    **dict.fromkeys(("flip", "roll"), _moved),
    "embedding": _embedding,
    "_embedding_bag": _embedding_bag,
    "index": _index,
    **dict.fromkeys(("index_select", "gather", "topk", "sort"), _along),
    "glu": _glu,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    **dict.fromkeys(("native_channel_shuffle", "channel_shuffle"), _channel_shuffle),
    "im2col": _unfold,
    "mkldnn_rnn_layer": _recurrent,
    "_weight_norm_interface": _weight_norm,
}  # fmt: skip
"""The rule of each operator that does not work element by element, by its name in ATen."""
