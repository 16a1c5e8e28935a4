"""Dependencies: which channels of other layers go with those of one, as Torch-Pruning finds them in the trace."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from typing import Any

import torch_pruning as tp
from torch import nn
from torch_pruning.dependency import index_mapping

Seen = dict[int, Any]
"""The channels that were reached, by index, each as Torch-Pruning keeps it."""


class Unfollowed(Exception):  # noqa: N818 - it names what happened to the group
    """Torch-Pruning cannot follow channels through the network."""


class Dependencies(tp.DependencyGraph):  # type: ignore[misc]
    """Torch-Pruning's dependency graph, with a search that ends on every network.

    The library's own follows each list of channels that reaches a layer anew. Where an operator mixes channels with
    others (a product of a matrix with its own transpose) these lists grow from turn to turn without end. This one
    follows each channel of each layer once, and stops where it is led to a channel that no layer has.
    """

    def get_pruning_group(self, module: nn.Module, pruning_fn: Callable[..., Any], idxs: Sequence[int]) -> Any:
        """The group of everything that goes with channels `idxs` of `module`, as the library's method of this name.

        Raises:
            Unfollowed: the channels lead to some that a layer does not have.
        """
        index_mapping.update_index_mapping(self)
        if tp.ops.module2type(module) == tp.ops.OPTYPE.DEPTHWISE_CONV:
            pruning_fn = tp.prune_depthwise_conv_out_channels
        root = self.module2node[module]
        start = tp.dependency.Dependency(pruning_fn, pruning_fn, source=root, target=root)
        reached: dict[tuple[Any, Any], tuple[Any, Seen]] = {}
        ways: list[tuple[Any, Seen]] = []

        def reach(dependency: Any, channels: Iterable[Any]) -> None:
            key = (dependency.target, dependency.handler)
            seen = reached[key][1] if key in reached else {}
            if new := {channel.idx: channel for channel in channels if channel.idx not in seen}:
                self._check(dependency, new)
                reached.setdefault(key, (dependency, seen))
                seen.update(new)
                ways.append((dependency, new))

        reach(start, [tp._helpers._HybridIndex(idx=index, root_idx=index) for index in idxs])
        while ways:
            dependency, channels = ways.pop()
            for onward in dependency.target.dependencies:
                if onward.is_triggered_by(dependency.handler):
                    moved = list(channels.values())
                    for mapping in onward.index_mapping:
                        moved = mapping(moved) if mapping is not None else moved
                    reach(onward, moved)
        return self._group(list(reached.values()))

    def _group(self, reached: list[tuple[Any, Seen]]) -> Any:
        group = tp.dependency.Group()
        group._DG = self
        for dependency, seen in reached:
            group.add_dep(dependency, list(seen))
            group[len(group) - 1].root_idxs = [channel.root_idx for channel in seen.values()]
        return group

    def _check(self, dependency: Any, channels: Collection[int]) -> None:
        node = dependency.target
        inwards = self.is_in_channel_pruning_fn(dependency.handler)
        count = self.get_in_channels(node) if inwards else self.get_out_channels(node)
        limit = self._widest if count is None or node.type == tp.ops.OPTYPE.OUTPUT else count
        if min(channels) < 0 or max(channels) >= limit:
            names = self._param_to_name if isinstance(node.module, nn.Parameter) else self._module2name
            name = names.get(node.module) or "an operator between layers"
            wrong = min(channels) if min(channels) < 0 else max(channels)
            raise Unfollowed(f"its channels lead to channel {wrong} of {name}, which has {limit}")

    @cached_property
    def _widest(self) -> int:
        """The most channels that a layer has: an operator between two layers has no more."""
        found = (
            side(node) for node in self.module2node.values() for side in (self.get_in_channels, self.get_out_channels)
        )
        return max((count for count in found if count is not None), default=0)
