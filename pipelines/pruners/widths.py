"""Widths: the groups of channels that can only go together, found with Torch-Pruning's dependency graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch_pruning as tp
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.pruners.options import ROUND_TO, is_global, value_of
from pipelines.pruners.probe import check_shape
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.ranking import Ranked, removed
from pipelines.pruners.traceable import traceable
from pipelines.tasks.task import Inputs, as_tuple

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Width:
    """Channels of layers that can only go together.

    Attributes:
        name: The first of the layers that give these channels.
        count: How many channels there are.
        producers: The layers whose outputs they are.
        consumers: The layers whose inputs they are.
        repeats: The channels are so many equal parts (groups of a convolution, halves of a gated unit), which lose the
            same channels.
        group: Torch-Pruning's group of all that depends on these channels.
    """

    name: str
    count: int
    producers: Collection[nn.Module]
    consumers: Collection[nn.Module]
    repeats: int
    group: Any


Choice = Callable[[nn.Module, list[Width]], list[Width]]
"""Given a network and its widths, those that a pruner may touch."""


def widths(model: nn.Module, example: Inputs, choice: Choice) -> list[Width]:
    """The widths of `model` that `choice` takes, in the order of its layers; never the width of the output.

    Raises:
        TrialFailed: the network cannot be traced.
    """
    with traceable(model):
        return _chosen(model, example, choice)[1]


def sizes_of(model: nn.Module, example: Inputs, choice: Choice) -> Sizes:
    """The channels of each width that `choice` takes, by name."""
    return {width.name: width.count for width in widths(model, example, choice)}


def cut_widths(model: nn.Module, cut: PruningRequest, choice: Choice) -> Any:
    """Remove the least important channels of the widths that `choice` takes.

    Returns:
        Torch-Pruning's history: a list of (layer, is output channel, indices).

    Raises:
        TrialFailed: see `Pruner.prune`.
    """
    with traceable(model):
        if cut.importance.needs_gradients:
            cut.gradients(model)
        shape = check_shape(model, cut.example)
        graph, found = _chosen(model, cut.example, choice)
        round_to = int(value_of(ROUND_TO, cut.params))
        layers = {width.name: ranked for width in found if (ranked := _ranked(width, cut, round_to))}
        gone = removed(layers, cut, together=is_global(cut.params))
        for width in found:
            if indices := gone.get(width.name):
                size = width.count // width.repeats
                root, prune = width.group[0].dep.target.module, width.group[0].dep.handler
                everywhere = sorted(part * size + index for part in range(width.repeats) for index in indices)
                graph.get_pruning_group(root, prune, everywhere).prune()
        model.zero_grad(set_to_none=True)
        check_shape(model, cut.example, shape)
        if {width.name: width.count for width in _chosen(model, cut.example, choice)[1]} == dict(cut.sizes):
            widest = max((width.count for width in found), default=0)
            raise TrialFailed(
                f"nothing to prune at ratio {cut.ratio}: widths are kept at multiples of {round_to} and the widest "
                f"layer has {widest} channels; use a wider network or a smaller pruning.round_to"
            )
        return graph.pruning_history()


def replay_widths(model: nn.Module, example: Inputs, history: Any) -> None:
    """Repeat the cut that `cut_widths` made."""
    with traceable(model):
        _graph(model, example).load_pruning_history(history)


def _ranked(width: Width, cut: PruningRequest, round_to: int) -> Ranked | None:
    """The channels of `width`, ranked; None if the importance has no opinion of them."""
    scores: Tensor | None = cut.importance.of_groups()(width.group)
    if scores is None:
        return None
    scores = scores.detach().view(width.repeats, -1).mean(0).nan_to_num()
    # The whole width is a multiple: with 2 repeats and multiples of 8, of each repeat a multiple of 4 stays.
    multiple = math.lcm(round_to, width.repeats) // width.repeats
    return Ranked(scores, multiple, width.repeats)


def _chosen(model: nn.Module, example: Inputs, choice: Choice) -> tuple[Any, list[Width]]:
    last = _last_layer(model, example)  # first: a network that cannot be called would keep the graph's hooks
    graph = _graph(model, example)
    order = {module: (index, name) for index, (name, module) in enumerate(model.named_modules())}
    found = []
    for group in graph.get_all_groups(ignored_layers=[last], root_module_types=LAYERS):
        producers, consumers = [], []
        for dependency, _ in group:
            module, prune = dependency.target.module, dependency.handler
            if module in order and graph.is_out_channel_pruning_fn(prune):
                producers.append(module)
            if module in order and graph.is_in_channel_pruning_fn(prune):
                consumers.append(module)
        name = min(order[module] for module in producers if isinstance(module, LAYERS))[1]
        repeats = math.lcm(_divisions(producers, consumers), _coupled(graph, group))
        found.append(Width(name, len(group[0].idxs), producers, consumers, repeats, group))
    found.sort(key=lambda width: order[model.get_submodule(width.name)])
    return graph, choice(model, found)


def _graph(model: nn.Module, example: Inputs) -> Any:
    return tp.DependencyGraph().build_dependency(model, as_tuple(example), verbose=False)


def _coupled(graph: Any, group: Any) -> int:
    """How many channels of a layer go with its first: more than one where a layer's output is split and joined again.

    Raises:
        TrialFailed: they are not those at the same places of equal parts.
    """
    count, (root, prune) = len(group[0].idxs), (group[0].dep.target.module, group[0].dep.handler)
    together = sorted(graph.get_pruning_group(root, prune, [0])[0].idxs)
    if together != list(range(0, count, count // len(together))):
        raise TrialFailed(f"channels {together} of {root} can only go together, and that is not supported")
    return len(together)


def _divisions(producers: Collection[nn.Module], consumers: Collection[nn.Module]) -> int:
    """Into how many equal parts group convolutions and group norms divide the channels."""
    parts = [1]
    for module in (*producers, *consumers):
        if isinstance(module, nn.GroupNorm):
            parts.append(module.num_groups)
        elif isinstance(module, LAYERS[1:]) and module.groups != module.out_channels:  # else it is depthwise
            parts.append(module.groups)
    return math.lcm(*parts)


def _last_layer(model: nn.Module, example: Inputs) -> nn.Module:
    """The layer whose output is the network's: its width is the number of classes and must stay."""
    calls: list[nn.Module] = []
    layers = [m for m in model.modules() if isinstance(m, LAYERS)]
    hooks = [layer.register_forward_hook(lambda module, *_: calls.append(module)) for layer in layers]
    try:
        model(*as_tuple(example))
    finally:
        for hook in hooks:
            hook.remove()
    if not calls:
        raise TrialFailed("the network has no linear or convolutional layer to prune")
    return calls[-1]
