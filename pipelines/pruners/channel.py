"""Channel pruning: whole channels are removed, so that the exported network is really smaller."""

from __future__ import annotations

import math
from typing import Any

import torch_pruning as tp
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import IMPORTANCE
from pipelines.pruners.cut import Cut, Sizes
from pipelines.task import Inputs, as_tuple
from spaces import Interval, Parameter, Params

ROUND_TO = 8
"""Kept widths are multiples of this: kernels work in vectors, and odd widths make a smaller network slower."""


LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class ChannelPruner:
    """Remove the least important channels together with all that depends on them, each layer by the same ratio.

    Source: G. Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, as implemented by Torch-Pruning.
    A layer's kept width is rounded down to a multiple of 8, but at least 8 channels are kept.
    """

    name = "channel"
    parameters: tuple[Parameter, ...] = (
        Parameter(
            "pruning.ratio",
            Interval(0, 1, open_low=True, open_high=True),
            help="share of the channels to remove from each layer",
        ),
        IMPORTANCE,
    )

    def sizes(self, model: nn.Module, example: Inputs) -> Sizes:
        """See `Pruner.sizes`: output channels by layer; the last layer's are the network's own output."""
        last = _last_layer(model, example)
        layers = ((name, module) for name, module in model.named_modules() if isinstance(module, LAYERS))
        return {name: module.weight.shape[0] for name, module in layers if module is not last}

    def prune(self, model: nn.Module, cut: Cut) -> Any:
        """See `Pruner.prune`; the history is Torch-Pruning's list of (layer, is output channel, indices)."""
        before = self.sizes(model, cut.example)
        if cut.importance.needs_gradients:
            cut.gradients(model)
        pruner = _pruner(model, cut, before)
        pruner.step()
        model.zero_grad(set_to_none=True)
        if self.sizes(model, cut.example) == before:
            raise TrialFailed(
                f"nothing to prune at ratio {cut.ratio}: widths are kept at multiples of {ROUND_TO} "
                f"and the widest layer has {max(before.values(), default=0)} channels; "
                "use a larger ratio or a wider network"
            )
        return pruner.pruning_history()

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        _dependencies(model, example).load_pruning_history(history)

    def label(self, params: Params) -> str:
        """Such as ``ch0.5``."""
        return f"ch{params['ratio']:g}"


def _pruner(model: nn.Module, cut: Cut, sizes: Sizes) -> Any:
    ratios = {}
    for name, width in sizes.items():
        kept = min(width, _kept(cut.sizes[name], cut.ratio_of(name)))
        # Torch-Pruning's own round_to would leave a layer whole whenever it rounds to nothing. The half channel
        # keeps its truncation to a whole number where it belongs.
        ratios[model.get_submodule(name)] = max(0.0, 1 - (kept + 0.5) / width)
    return tp.pruner.BasePruner(
        model,
        as_tuple(cut.example),
        importance=cut.importance.of_groups(),
        pruning_ratio=0.0,
        pruning_ratio_dict=ratios,
        ignored_layers=[_last_layer(model, cut.example)],
    )


def _dependencies(model: nn.Module, example: Inputs) -> Any:
    return tp.DependencyGraph().build_dependency(model, as_tuple(example))


def _kept(width: int, ratio: float) -> int:
    """How many of `width` channels stay: a multiple of ROUND_TO, at least that many, at most what there are."""
    wanted = width - math.ceil(width * ratio - 1e-9)
    return min(width, max(ROUND_TO, wanted - wanted % ROUND_TO))


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
