"""Parameters of recipes as Optuna knows them."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spaces import Axis, SearchSpace, Value


def chosen_params(
    space: SearchSpace, params: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, BaseDistribution]]:
    """The `params` that were chosen on an axis of `space`, with their Optuna distributions; fixed ones are left out."""
    axes = [axis for axis in space.axes if len(axis.values) > 1 and axis.name in params]
    return {axis.name: params[axis.name] for axis in axes}, {axis.name: distribution(axis) for axis in axes}


def distribution(axis: Axis) -> BaseDistribution:
    """The Optuna distribution of `axis`: a range keeps its order, a list is categorical."""
    if axis.step is None:
        return CategoricalDistribution(axis.values)
    low, high = axis.values[0], axis.values[-1]
    if all(isinstance(value, int) for value in axis.values):
        return IntDistribution(int(low), int(high), step=int(axis.step))
    return FloatDistribution(float(low), float(high), step=axis.step)
