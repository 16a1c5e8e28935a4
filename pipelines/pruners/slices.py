"""Slices: what a cut takes of each layer and parameter of a network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch_pruning as tp
from torch import Tensor, nn

from pipelines.errors import TrialFailed


@dataclass(frozen=True)
class Slice:
    """Channels that one layer, or one parameter beside the layers, loses.

    Attributes:
        place: The name of the layer or parameter.
        side: Whether they are channels of its inputs or of its outputs; where both are the same, ``out``.
        dim: The dimension of a parameter, or of the shape that a layer normalization has.
        gone: The indices of the channels, ascending.
    """

    place: str
    side: Literal["in", "out"]
    dim: int
    gone: tuple[int, ...]

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> Slice:
        """The slice that `to_json` wrote."""
        place, side, dim, gone = data
        return cls(place, side, dim, tuple(gone))

    def to_json(self) -> list[Any]:
        """Plain data from which `from_json` makes an equal value."""
        return [self.place, self.side, self.dim, list(self.gone)]


def target_of(model: nn.Module, place: str) -> nn.Module | nn.Parameter:
    """The layer or parameter of `model` that is called `place`."""
    owner, _, key = place.rpartition(".")
    parameter = model.get_submodule(owner)._parameters.get(key)
    return model.get_submodule(place) if parameter is None else parameter


def merged(many: Iterable[Iterable[Slice]]) -> list[Slice]:
    """All slices of `many`, those of one side of a layer as one."""
    gone = defaultdict[tuple[str, Literal["in", "out"], int], set[int]](set)
    for each in (one for slices in many for one in slices):
        gone[each.place, each.side, each.dim] |= {*each.gone}
    return [Slice(place, side, dim, tuple(sorted(indices))) for (place, side, dim), indices in gone.items()]


def remove(model: nn.Module, slices: Iterable[Slice]) -> None:
    """Take `slices` out of the layers of `model`, in place; parameters that layers share stay shared.

    Raises:
        TrialFailed: layers that share a parameter would lose different channels of it.
    """
    shared = _shared(model)
    kinds = tp.DependencyGraph()
    for one in slices:
        target = target_of(model, one.place)
        kind = kinds.get_pruner_of_module(target)
        kind.pruning_dim = one.dim
        left = (kind.prune_in_channels if one.side == "in" else kind.prune_out_channels)(target, list(one.gone))
        if isinstance(target, nn.Parameter):
            _set(model, one.place, left)
    for names in shared:
        _share(model, names)


def _shared(model: nn.Module) -> list[list[str]]:
    """The names of each parameter that has several."""
    names = defaultdict[int, list[str]](list)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names[id(parameter)].append(name)
    return [each for each in names.values() if len(each) > 1]


def _share(model: nn.Module, names: Sequence[str]) -> None:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    first = parameters[names[0]]
    for name in names[1:]:
        if parameters[name] is first:
            continue
        if not _equal(parameters[name], first):
            raise TrialFailed(f"{' and '.join(names)} are one parameter, of which this would make two")
        _set(model, name, first)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _set(model: nn.Module, name: str, parameter: nn.Parameter) -> None:
    owner, _, key = name.rpartition(".")
    setattr(model.get_submodule(owner), key, parameter)
