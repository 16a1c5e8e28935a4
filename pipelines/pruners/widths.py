"""Widths: the groups of channels that can only go together, and what goes of them in a cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.pruners.check import OTHER_OUTPUT, Check, brief, sound, stays, told
from pipelines.pruners.dependencies import Dependencies, Unfollowed
from pipelines.pruners.options import ROUND_TO, is_global, value_of
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.ranking import Ranked, removed
from pipelines.pruners.slices import Slice, merged, remove
from pipelines.pruners.traceable import traceable
from pipelines.pruners.weights import COMPUTED, has_computed_weights
from pipelines.tasks.task import Inputs, as_tuple

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Linear, *CONVOLUTIONS)

FAR = 0.1
"""Share of the channels by which a cut may differ from its ratio before that is worth a note."""


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
        group: Torch-Pruning's group of all that depends on these channels; None if they cannot be followed.
        fault: Why they cannot be cut, empty if nothing is known against it.
    """

    name: str
    count: int
    producers: Collection[nn.Module]
    consumers: Collection[nn.Module]
    repeats: int
    group: Any = None
    fault: str = ""

    @property
    def can_shrink(self) -> bool:
        """Whether each part has several channels, of which one has to stay."""
        return self.count > self.repeats


Choice = Callable[[nn.Module, list[Width]], list[Width]]
"""Given a network and its widths, those that a pruner may touch."""


class Widths:
    """The widths of a network that a pruner may cut, never that of its output.

    To each of them a cut was tried on a copy of the network: those that lose channels as they should are `found`.

    Args:
        model: In evaluation mode, within `traceable`.
        example: What it is called with.
        choice: Which widths the pruner may touch.

    Attributes:
        found: The widths, in the order of their layers.
        faults: Why those that had to be left out cannot be cut, by name.

    Raises:
        TrialFailed: the network cannot be traced.
    """

    def __init__(self, model: nn.Module, example: Inputs, choice: Choice) -> None:
        self._check = Check(model, example)
        last = _last_layer(model, example)  # first: a network that cannot be called would keep the graph's hooks
        self._graph = Dependencies().build_dependency(model, as_tuple(example), verbose=False)
        self._names = {module: name for name, module in model.named_modules()}
        self._names |= {parameter: name for name, parameter in model.named_parameters()}
        chosen = [width for width in choice(model, self._widths()) if not self._is_of_output(width, last)]
        faults = {width.name: width.fault for width in chosen if width.fault}
        faults |= self.unsound({w.name: self.slices(w, _some(w)) for w in chosen if w.can_shrink and not w.fault})
        # What another layer than the last gives to the output is no fault either.
        self.faults = {w.name: faults[w.name] for w in chosen if faults.get(w.name, OTHER_OUTPUT) != OTHER_OUTPUT}
        self.found = [width for width in chosen if width.name not in faults]

    @property
    def sizes(self) -> dict[str, int]:
        """The channels of each width that is found, by name."""
        return {width.name: width.count for width in self.found}

    def slices(self, width: Width, indices: Collection[int]) -> list[Slice]:
        """Return what everything that depends on `width` loses with channels `indices` of each of its parts."""
        size = width.count // width.repeats
        everywhere = sorted(part * size + index for part in range(width.repeats) for index in indices)
        root = width.group[0].dep
        group = self._graph.get_pruning_group(root.target.module, root.handler, everywhere)
        return [
            Slice(
                self._names[dependency.target.module],
                "out" if self._graph.is_out_channel_pruning_fn(dependency.handler) else "in",
                dependency.target.pruning_dim,
                tuple(sorted(gone)),
            )
            for dependency, gone in group
            if dependency.target.module in self._names
        ]

    def unsound(self, cuts: Mapping[str, Sequence[Slice]]) -> dict[str, str]:
        """Return why some of `cuts`, by the width's name, cannot be made; all others can be, together."""
        return sound(cuts, lambda parts: self._check.fault(merged(parts)))[1]

    def _is_of_output(self, width: Width, last: nn.Module) -> bool:
        if last not in width.producers or width.fault:
            return False
        return not width.can_shrink or self._check.fault(self.slices(width, _some(width))) == OTHER_OUTPUT

    def _widths(self) -> list[Width]:
        """All widths, in the order of their layers."""
        found, seen = [], set[nn.Module]()
        for layer in [module for module in self._graph.module2node if isinstance(module, LAYERS)]:
            if layer not in seen:
                width = self._width(layer)
                seen |= {*width.producers}
                found.append(width)
        order = list(self._names.values())
        return sorted(found, key=lambda width: order.index(width.name))

    def _width(self, layer: nn.Module) -> Width:
        kind = self._graph.get_pruner_of_module(layer)
        count = kind.get_out_channels(layer)
        try:
            group = self._graph.get_pruning_group(layer, kind.prune_out_channels, range(count))
            coupled = self._coupled(group)
        except (Unfollowed, ArithmeticError, LookupError) as error:
            reason = str(error) if isinstance(error, Unfollowed) else f"Torch-Pruning fails at it: {brief(error)}"
            return Width(self._names[layer], count, [layer], [], 1, fault=reason)
        producers, consumers, partly = list[nn.Module](), list[nn.Module](), list[nn.Module]()
        for dependency, channels in group:
            module, prune = dependency.target.module, dependency.handler
            if module in self._names and isinstance(module, nn.Module):
                if self._graph.is_out_channel_pruning_fn(prune):
                    whole = self._graph.get_out_channels(dependency.target)
                    (producers if whole in (None, len(channels)) else partly).append(module)
                if self._graph.is_in_channel_pruning_fn(prune):
                    consumers.append(module)
        repeats = math.lcm(_divisions(producers, consumers), coupled)
        faults = [
            *(f"{self._names[m]}: {COMPUTED}" for m in (*producers, *consumers) if has_computed_weights(m)),
            *(f"they go with some of the channels of {self._names[m]} only" for m in partly),
        ]
        order = list(self._names)
        return Width(
            self._names[min((module for module in producers if isinstance(module, LAYERS)), key=order.index)],
            count,
            producers,
            consumers,
            repeats,
            group,
            next(iter(faults), ""),
        )

    def _coupled(self, group: Any) -> int:
        """Return how many channels of a layer go with its first: several where its output is split and joined again.

        Raises:
            Unfollowed: they are not those at the same places of equal parts.
        """
        count, root = len(group[0].idxs), group[0].dep
        together = sorted(self._graph.get_pruning_group(root.target.module, root.handler, [0])[0].idxs)
        if together != list(range(0, count, count // len(together))):
            raise Unfollowed(f"channels {', '.join(map(str, together))} can only go together, which is not supported")
        return len(together)


def sizes_of(model: nn.Module, example: Inputs, choice: Choice) -> Sizes:
    """The channels of each width that `choice` takes and that can be cut, by name.

    Raises:
        TrialFailed: the network cannot be traced.
    """
    with traceable(model):
        return Widths(model, example, choice).sizes


def width_problem(model: nn.Module, example: Inputs, choice: Choice, nothing: str) -> str | None:
    """Return why no width that `choice` takes can be cut, or None; `nothing` if it takes none."""
    try:
        with traceable(model):
            widths = Widths(model, example, choice)
    except TrialFailed as error:
        return error.reason
    if any(width.can_shrink for width in widths.found):
        return None
    return f"no width can be cut: {told(widths.faults)}" if widths.faults else nothing


def cut_widths(model: nn.Module, cut: PruningRequest, choice: Choice) -> Any:
    """Remove the least important channels of the widths that `choice` takes.

    Returns:
        The slices as plain data, which `replay_widths` takes.

    Raises:
        TrialFailed: see `Pruner.prune`.
    """
    with traceable(model):
        if cut.importance.needs_gradients:
            cut.gradients(model)
        widths = Widths(model, cut.example, choice)
        round_to = int(value_of(ROUND_TO, cut.params))
        found = {width.name: width for width in widths.found if width.name in cut.sizes}
        shrinking = {name: width for name, width in found.items() if width.can_shrink}
        layers = {name: ranked for name, width in shrinking.items() if (ranked := _ranked(width, cut, round_to))}
        gone = removed(layers, cut, together=is_global(cut.params))
        cuts = {name: widths.slices(found[name], indices) for name, indices in gone.items()}
        faults = widths.unsound(cuts)
        slices = merged(each for name, each in cuts.items() if name not in faults)
        if not slices and {name: width.count for name, width in found.items()} == dict(cut.sizes):
            raise UnchangedError(_nothing_goes(widths, faults, cut, round_to))
        remove(model, slices)
        model.zero_grad(set_to_none=True)
        for note in stays({**widths.faults, **faults}):
            cut.note(note)
        _tell_rounding({name: found[name] for name in layers if name not in faults}, gone, cut, round_to)
        return [one.to_json() for one in slices]


def replay_widths(model: nn.Module, history: Any) -> None:
    """Repeat the cut that `cut_widths` made."""
    with traceable(model):
        remove(model, [Slice.from_json(one) for one in history])


def _nothing_goes(widths: Widths, faults: Mapping[str, str], cut: PruningRequest, round_to: int) -> str:
    start = f"nothing to prune at ratio {cut.ratio}: "
    if faults or not widths.found:
        reasons = {**widths.faults, **faults}
        return start + (told(reasons) if reasons else "no layer has channels that could go")
    if isinstance(cut.ratio, (int, float)) and max(widths.sizes.values()) * cut.ratio < 0.5:
        return f"{start}that is less than half a channel of the widest layer, which has {max(widths.sizes.values())}"
    return (
        f"{start}widths are kept at multiples of {round_to} and the widest layer has "
        f"{max(widths.sizes.values())} channels; use a wider network or a smaller pruning.round_to"
    )


def _tell_rounding(
    found: Mapping[str, Width], gone: Mapping[str, Collection[int]], cut: PruningRequest, to: int
) -> None:
    """Note if rounded widths make the cut another than was asked for."""
    before = sum(cut.sizes[name] for name in found)
    if to == 1 or not before:
        return
    lost = before - sum(width.count - width.repeats * len(gone.get(name, ())) for name, width in found.items())
    if isinstance(cut.ratio, (int, float)) and abs(lost / before - cut.ratio) >= FAR:
        cut.note(f"ratio {cut.ratio:g} removes {lost / before:.0%} of the channels, as widths are multiples of {to}")


def _some(width: Width) -> list[int]:
    """About half of the channels of a part, in no order that an operator might keep by chance."""
    size = width.count // width.repeats
    return sorted(torch.randperm(size, generator=torch.Generator().manual_seed(size)).tolist()[: size // 2])


def _ranked(width: Width, cut: PruningRequest, round_to: int) -> Ranked | None:
    """The channels of `width`, ranked; None if the importance has no opinion of them."""
    scores: Tensor | None = cut.importance.of_groups()(width.group)
    if scores is None:
        return None
    scores = scores.detach().view(width.repeats, -1).mean(0).nan_to_num()
    # The whole width is a multiple: with 2 repeats and multiples of 8, of each repeat a multiple of 4 stays.
    multiple = math.lcm(round_to, width.repeats) // width.repeats
    return Ranked(scores, multiple, width.repeats)


def _divisions(producers: Collection[nn.Module], consumers: Collection[nn.Module]) -> int:
    """Into how many equal parts group convolutions and group norms divide the channels."""
    parts = [1]
    for module in (*producers, *consumers):
        if isinstance(module, nn.GroupNorm):
            parts.append(module.num_groups)
        elif isinstance(module, CONVOLUTIONS) and module.groups != module.out_channels:  # else it is depthwise
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
