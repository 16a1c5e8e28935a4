"""Operators that take sums, means or extremes over dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pipelines.networks.rules.rule import Rule

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow


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


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("mean", "var", "std", "var_mean"), _mean),
    **dict.fromkeys(("sum", "amax", "amin", "any", "all", "max", "min", "prod", "logsumexp", "argmax", "argmin",
                     "linalg_vector_norm", "norm"), _reduce),
}  # fmt: skip
"""By the name of the operator in ATen."""
