"""Operators between places, such as pooling and resizing, and those that trade places for channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pipelines.networks.axes import Dim, fix, fresh, mark, outermost
from pipelines.networks.rules.rule import POSITIONS, Rule

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow


def _over_places(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Pooling, resizing, padding by reflection: channels stay, places change."""
    dims = list(flow.dims(args[0]))
    two = 1 if "1d" in flow.operator else 3 if "3d" in flow.operator else 2
    for dim in dims[-two:]:
        fix(dim, POSITIONS)
    for each in (result,) if isinstance(result, Tensor) else result:
        flow.give(each, [*dims[:-two], *(fresh(size, POSITIONS) for size in each.shape[-two:])])


def _of_map(flow: Dataflow, x: Tensor) -> list[Dim]:
    """The dimensions of a map; the entries of its last two are places, and stay."""
    dims = list(flow.dims(x))
    for dim in dims[-2:]:
        fix(dim, POSITIONS)
    return dims


def _pixel_shuffle(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = _of_map(flow, args[0])
    channels, rest = outermost(dims[-3], result.shape[-3])
    fix(rest, POSITIONS)
    flow.give(result, [*dims[:-3], channels, *(fresh(size, POSITIONS) for size in result.shape[-2:])])


def _pixel_unshuffle(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    dims = _of_map(flow, args[0])
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
    dims = _of_map(flow, args[0])
    kernel = result.shape[-2] // args[0].shape[-3]
    made = (*dims[-3], *fresh(kernel, POSITIONS))
    flow.give(result, [*dims[:-3], made, fresh(result.shape[-1], POSITIONS)])


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices",
                     "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_avg_pool1d",
                     "mkldnn_max_pool2d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
                     "upsample_bilinear2d", "upsample_bicubic2d", "upsample_linear1d", "upsample_trilinear3d",
                     "_upsample_nearest_exact2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa",
                     "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d",
                     "grid_sampler_2d"), _over_places),
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    **dict.fromkeys(("native_channel_shuffle", "channel_shuffle"), _channel_shuffle),
    "im2col": _unfold,
}  # fmt: skip
"""By the name of the operator in ATen."""
