"""Slices: what a cut takes of the parameters and buffers of a network, and the numbers that it keeps of their sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from pipelines.networks.axes import Axis, basic, coordinates
from pipelines.networks.dataflow import Call, Dataflow

Places = Mapping[int, tuple[int, ...]]
"""Indices that are gone, by dimension."""


@dataclass(frozen=True)
class Slices:
    """What goes in one cut.

    Attributes:
        gone: By the name of a parameter or buffer, what it loses.
        attributes: Numbers that modules keep of their sizes: the module's name, the attribute's, and the new value.
        statistics: By the call of an operator that takes statistics, what its input loses; see `Dataflow`.
    """

    gone: Mapping[str, Places]
    attributes: Sequence[tuple[str, str, Any]] = ()
    statistics: Mapping[Call, Places] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Slices:
        """The slices that `to_json` wrote, without statistics."""
        gone = {name: {int(dim): tuple(each) for dim, each in dims.items()} for name, dims in data["gone"].items()}
        attributes = [(m, a, tuple(v) if isinstance(v, list) else v) for m, a, v in data["attributes"]]
        return cls(gone, attributes)

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `from_json` makes an equal value."""
        gone = {name: {str(dim): list(each) for dim, each in dims.items()} for name, dims in self.gone.items()}
        return {"gone": gone, "attributes": [list(one) for one in self.attributes]}


def slices_of(flow: Dataflow, gone: Mapping[Axis, Iterable[int]], attributes: Sequence[tuple[str, str, Any]]) -> Slices:
    """What everything loses with the entries `gone` of some axes; `attributes` change besides what layers keep."""
    wanted = {axis: {*indices} for axis, indices in gone.items()}

    def lost(dim: tuple[Axis, ...]) -> tuple[int, ...]:
        found = set[int]()
        for axis in {*basic(dim)} & {*wanted}:
            found |= {at for at, index in enumerate(coordinates(dim, axis)) if index in wanted[axis]}
        return tuple(sorted(found))

    def places(dims: Mapping[int, tuple[Axis, ...]]) -> dict[int, tuple[int, ...]]:
        return {at: indices for at, dim in dims.items() if (indices := lost(dim))}

    found = {name: each for name, dims in flow.leaves.items() if (each := places(dict(enumerate(dims))))}
    groups = [
        (name.rpartition(".")[0], "groups", len(coordinates(dim, Axis(1))) - len(indices))
        for name, dim in flow.groups.items()
        if (indices := lost(dim))
    ]
    statistics = {number: each for number, dims in flow.statistics.items() if (each := places(dims))}
    return Slices(found, [*groups, *attributes], statistics)


def remove(model: nn.Module, slices: Slices) -> None:
    """Take `slices` out of `model`, in place; what modules share stays shared."""
    tensors: dict[str, Tensor] = dict(model.named_parameters(remove_duplicate=False))
    tensors |= dict(model.named_buffers(remove_duplicate=False))
    names = defaultdict[int, list[str]](list)
    for name, tensor in tensors.items():
        names[id(tensor)].append(name)
    owners: dict[nn.Module, None] = {}
    for name, places in slices.gone.items():
        old = tensors[name]
        left = without(old.detach(), places)
        new = nn.Parameter(left, old.requires_grad) if isinstance(old, nn.Parameter) else left
        if isinstance(old, nn.Parameter) and old.grad is not None:
            new.grad = without(old.grad, places)
        for each in names[id(old)]:
            owner, _, key = each.rpartition(".")
            module = model.get_submodule(owner)
            setattr(module, key, new)
            owners[module] = None
    for name, attribute, value in slices.attributes:
        setattr(model.get_submodule(name), attribute, value)
    for module in owners:
        fit(module)


def without(x: Tensor, places: Places) -> Tensor:
    """`x` without the entries at `places`."""
    for dim, gone in places.items():
        x = x.index_select(dim, _stay(x.shape[dim], gone))
    return x


def zeroed(x: Tensor, places: Places) -> Tensor:
    """`x` with zero for the entries at `places`."""
    for dim, gone in places.items():
        x = x.index_fill(dim, torch.tensor(gone, dtype=torch.long), 0)
    return x


def _stay(size: int, gone: Sequence[int]) -> Tensor:
    return torch.tensor(sorted({*range(size)} - {*gone}), dtype=torch.long)


def fit(module: nn.Module) -> None:
    """Bring what a layer of torch keeps of its sizes in line with its weights."""
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _ConvNd):
        one, other = module.weight.shape[:2]
        sides = (other * module.groups, one) if module.transposed else (one, other * module.groups)
        module.out_channels, module.in_channels = sides
    elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        module.num_embeddings, module.embedding_dim = module.weight.shape
    elif isinstance(module, _NormBase):
        kept = weight if isinstance(weight, Tensor) else module.running_mean
        module.num_features = len(kept) if kept is not None else module.num_features
    elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)) and isinstance(weight, Tensor):
        module.normalized_shape = tuple(weight.shape)
    elif isinstance(module, nn.GroupNorm) and isinstance(weight, Tensor):
        module.num_channels = len(weight)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(module.weight)
    elif isinstance(module, nn.RNNBase):
        module.input_size = module.get_parameter("weight_ih_l0").shape[1]
