"""Rules against what operators really do with entries that can be told apart."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from pipelines.networks.axes import Axis, basic, coordinates, fresh
from pipelines.networks.dataflow import Dataflow


def follow(operator: Callable[..., Tensor], *tensors: Tensor) -> tuple[Dataflow, Tensor]:
    """The flow of one call of `operator`, whose tensors have axes of which nothing is known, and what it gave."""
    flow = Dataflow(nn.Identity(), (torch.zeros(1),))
    for x in tensors:
        flow.give(x, [fresh(size) for size in x.shape])
    with flow:
        return flow, operator(*tensors)


@pytest.fixture
def free() -> Callable[..., list[int]]:
    """The sizes of what can lose entries of an operator's input, after asserting that these are where the flow says."""

    def sizes(operator: Callable[[Tensor], Tensor | Sequence[Tensor]], *shape: int) -> list[int]:
        x = torch.arange(1.0, torch.Size(shape).numel() + 1).view(shape)
        flow, made = follow(operator, x)  # type: ignore[arg-type]
        axes = [axis for dim in flow.dims(x) for axis in basic(dim) if axis.size > 1 and not axis.fixed]
        for result in (made,) if isinstance(made, Tensor) else made:
            for axis in axes:
                _assert_followed(flow, x, result, axis)
        return [axis.size for axis in axes]

    return sizes


def _assert_followed(flow: Dataflow, x: Tensor, result: Tensor, axis: Axis) -> None:
    """Assert that each entry of `result` has the place on `axis` that the flow tells; zeros are of no entry."""
    (at,) = (at for at, dim in enumerate(flow.dims(x)) if axis in basic(dim))
    own = torch.tensor(coordinates(flow.dims(x)[at], axis))
    told = [torch.tensor(coordinates(dim, axis)) for dim in flow.dims(result)]
    for place in torch.cartesian_prod(*(torch.arange(size) for size in result.shape)).view(-1, result.dim()):
        if value := int(result[tuple(place)]):
            index = int(own[torch.unravel_index(torch.tensor(value - 1), x.shape)[at]])
            claims = {int(each[entry]) for each, entry in zip(told, place, strict=True)} - {-1}
            assert claims == {index} - {-1}, f"entry {place.tolist()} of {axis}"


@pytest.fixture
def axes() -> Callable[..., tuple[list[list[Axis]], ...]]:
    """The axes of the tensors that an operator is given and, last, of what it gives, for each dimension."""

    def of(operator: Callable[..., Tensor], *shapes: tuple[int, ...]) -> tuple[list[list[Axis]], ...]:
        tensors = [torch.rand(shape) for shape in shapes]
        flow, made = follow(operator, *tensors)
        return tuple([basic(dim) for dim in flow.dims(x)] for x in (*tensors, made))

    return of
