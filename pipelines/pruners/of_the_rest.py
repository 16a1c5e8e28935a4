"""Statistics of a network with masked channels, as if they were gone: means, norms and variances of those that stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pipelines.networks.dataflow import Call
from pipelines.pruners.slices import Places, without


class OfTheRest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, the operators that take statistics over masked entries take them over the others.

    Args:
        statistics: What is masked by call, as in `pipelines.networks.dataflow.Dataflow`.
    """

    def __init__(self, statistics: Mapping[Call, Places]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._statistics, self._calls = statistics, Counter[str]()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        self._calls[name] += 1
        places = self._statistics.get((name, self._calls[name]))
        if not places:
            return func(*args, **(kwargs or {}))
        given, *others = args
        smaller = without(given, places)
        if name == "native_group_norm":
            weights = [None if x is None else without(x, {0: places[1]}) for x in others[:2]]
            result = func(smaller, *weights, others[2], smaller.shape[1], *others[4:], **(kwargs or {}))
        elif "norm" in name:
            count = len(others[0])
            own = {place - given.dim() + count: gone for place, gone in places.items()}
            more = [without(x, own) if isinstance(x, Tensor) else x for x in others[1:]]
            result = func(smaller, list(smaller.shape[-count:]), *more, **(kwargs or {}))
        else:
            return func(smaller, *others, **(kwargs or {}))
        return (_with_zeros(result[0], given, places), *result[1:])


def _with_zeros(result: Tensor, like: Tensor, places: Places) -> Tensor:
    """`result` with zeros where entries are masked, of the shape of `like`."""
    for dim, gone in places.items():
        shape = list(result.shape)
        shape[dim] = like.shape[dim]
        stay = torch.tensor(sorted({*range(shape[dim])} - {*gone}))
        result = result.new_zeros(shape).index_copy(dim, stay, result)
    return result
