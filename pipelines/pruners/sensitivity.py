"""Sensitivity: how much accuracy a network loses when one layer alone is cut."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import nn

from pipelines.errors import TrialFailed
from pipelines.pruners import Pruner, PruningRequest, Sizes
from pipelines.sensitivity_table import Row, Sensitivity

Score = Callable[[nn.Module], float]
"""The accuracy of a network, which it may change: it is given copies."""

OnProgress = Callable[[str, int, int], None]
"""Notified of progress: what is at work, how many are done, how many there are."""


def analyse(
    model: nn.Module,
    pruner: Pruner,
    cut: PruningRequest,
    ratios: Sequence[float],
    score: Score,
    on_progress: OnProgress = lambda layer, done, total: None,
) -> Sensitivity:
    """Cut each layer of copies of `model` by each of `ratios`, and nothing else, and score what is left.

    Source: H. Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017, section 3.2 (sensitivity of single
    layers, without retraining).

    Args:
        model: In evaluation mode and on the CPU; it stays as it is.
        pruner: How to cut.
        cut: By what measure; its ratio and sizes are not read.
        ratios: The shares to cut, each above 0 and below 1.
        score: Takes the accuracy of a copy.
        on_progress: Called before each layer with its name, how many are done and how many there are.

    Raises:
        TrialFailed: the whole network cannot be scored, or has no layer to cut.
    """
    whole = _Extent.of(model, pruner.sizes(model, cut.example, cut.exclude))
    if not whole.sizes:
        raise TrialFailed(f"there is nothing in the network that pruning method {pruner.name} could cut")
    cut = replace(cut, sizes=whole.sizes, gradients=_remembered(model, cut))
    accuracy_of_whole = score(copy.deepcopy(model))
    rows: list[Row] = []
    for index, layer in enumerate(whole.sizes):
        on_progress(layer, index, len(whole.sizes))
        scored: dict[_Extent, float] = {}
        for ratio in sorted(ratios):
            try:
                network, left = _cut(model, pruner, replace(cut, ratio={layer: ratio}))
                if left == whole:
                    raise TrialFailed("the cut changes nothing")
                if left not in scored:  # widths that are rounded make several ratios one cut
                    scored[left] = score(network)
            except TrialFailed as error:
                rows.append(Row(layer, ratio, note=error.reason))
            except Exception as error:  # whatever a pruning library or a person's network does when it is cut
                rows.append(Row(layer, ratio, note=f"{type(error).__name__}: {error}"))
            else:
                units, parameters = whole.lost(left)
                found = scored[left]
                rows.append(Row(layer, ratio, units, parameters, found, accuracy_of_whole - found))
    return Sensitivity(accuracy_of_whole, whole.parameters, whole.sizes, tuple(rows))


@dataclass(frozen=True)
class _Extent:
    """The extent of a network: units by layer, parameters, and how many of these are zero."""

    units: tuple[tuple[str, int], ...]
    parameters: int
    zeros: int

    @classmethod
    def of(cls, model: nn.Module, sizes: Sizes) -> _Extent:
        parameters = list(model.parameters())
        zeros = sum(int((p == 0).sum()) for p in parameters)
        return cls(tuple(sizes.items()), sum(p.numel() for p in parameters), zeros)

    @property
    def sizes(self) -> dict[str, int]:
        return dict(self.units)

    def lost(self, left: _Extent) -> tuple[int, int]:
        """The units and the parameters that are gone in `left`; what became zero is gone too."""
        zeroed = max(0, left.zeros - self.zeros)
        units = sum(size - left.sizes.get(name, 1) for name, size in self.units)  # one stays, which is no width
        return units or zeroed, self.parameters - left.parameters + zeroed


def _cut(model: nn.Module, pruner: Pruner, cut: PruningRequest) -> tuple[nn.Module, _Extent]:
    network = copy.deepcopy(model)
    pruner.prune(network, cut)
    return network, _Extent.of(network, pruner.sizes(network, cut.example, cut.exclude))


def _remembered(model: nn.Module, cut: PruningRequest) -> Callable[[nn.Module], None]:
    """Gives copies of `model` its own gradients: they are taken once, not once for each cut."""
    if not cut.importance.needs_gradients:
        return cut.gradients
    source = copy.deepcopy(model)
    cut.gradients(source)
    gradients = {name: p.grad for name, p in source.named_parameters() if p.grad is not None}

    def give(network: nn.Module) -> None:
        for name, parameter in network.named_parameters():
            parameter.grad = gradients[name].clone() if name in gradients else None

    return give
