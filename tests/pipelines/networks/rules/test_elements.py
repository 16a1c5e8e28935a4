from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipelines.networks.axes import Axis

Axes = Callable[..., tuple[list[list[Axis]], ...]]

CASES = {
    "an activation": (torch.relu, (2, 3), [2, 3]),
    "a copy": (lambda x: x.clone(), (2, 3), [2, 3]),
    "a mask": (lambda x: x.masked_fill(x > 3, 0), (2, 3), [2, 3]),
    "a condition": (lambda x: torch.where(x > 3, x, 0), (2, 3), [2, 3]),
    "zeros like it": (torch.zeros_like, (2, 3), [2, 3]),
    "in place": (lambda x: x.clone().mul_(1), (2, 3), [2, 3]),
    "a triangle": (torch.tril, (3, 3), [3, 3]),
}  # fmt: skip


@pytest.mark.parametrize(("operator", "shape", "sizes"), CASES.values(), ids=CASES.keys())
def test_entries_stay_where_they_are(
    operator: Callable[[Tensor], Tensor], shape: tuple[int, ...], sizes: list[int], free: Callable[..., list[int]]
) -> None:
    assert free(operator, *shape) == sizes


@pytest.mark.parametrize(
    "operator", [torch.add, torch.mul, torch.maximum, lambda x, y: torch.lerp(x, y, 0.5)], ids=["+", "·", "max", "lerp"]
)
def test_two_of_one_size_become_the_same(operator: Callable[..., Tensor], axes: Axes) -> None:
    one, other, made = axes(operator, (2, 3), (2, 3))
    assert one == other == made


def test_what_is_broadcast_takes_the_axis_of_the_other(axes: Axes) -> None:
    one, other, made = axes(torch.add, (2, 3, 1), (3, 4))
    assert (one[1], made) == (other[0], [one[0], one[1], other[1]])


def test_shares_of_a_dimension_keep_its_entries(axes: Axes) -> None:
    given, made = axes(lambda x: x.softmax(1), (2, 3))
    assert given == made


@pytest.mark.parametrize("operator", [torch.cumsum, lambda x, dim: x.cummax(dim)[0]], ids=["sum", "largest"])
def test_what_has_a_part_of_those_before_it_cannot_go(operator: Callable[..., Tensor], axes: Axes) -> None:
    given, made = axes(lambda x: operator(x, 1), (2, 3))
    assert given == made
    assert [axis.fixed for axis in made[0]] == [""]
    assert all(axis.fixed.endswith("moves or mixes its channels") for axis in made[1])


def test_a_slope_for_each_channel_is_one_of_the_channel(axes: Axes) -> None:
    x, slope, made = axes(functional.prelu, (2, 3, 4), (3,))
    assert (x, slope[0]) == (made, x[1])
