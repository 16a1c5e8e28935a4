from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional

CASES = {
    "select": (lambda x: x[:, 1], (2, 3, 4), [2, 4]),
    "select of a negative dimension": (lambda x: x.select(-1, 0), (2, 3, 4), [2, 3]),
    "unbind": (lambda x: x.unbind(1), (2, 3, 4), [2, 4]),
    "unbind and stack": (lambda x: torch.stack(x.unbind(1)[::-1], 1), (2, 3, 4), [2, 4]),
    "slice": (lambda x: x[:, 1:3], (2, 5), [2, 2, 2]),
    "slice of a product": (lambda x: x.view(2, 3, 4)[:, :1].flatten(1), (2, 12), [2, 2, 4]),
    "slices that overlap": (lambda x: (x[:, :3], x[:, 1:]), (2, 5), [2, 2, 2]),
    "slice with steps": (lambda x: x[:, ::2], (2, 4), [2]),
    "slice of all": (lambda x: x[:, 0:], (2, 4), [2, 4]),
    "equal parts": (lambda x: x.chunk(2, 1), (2, 6), [2, 3]),
    "unequal parts": (lambda x: x.split([1, 5], 1), (2, 6), [2, 5]),
    "parts of a negative dimension": (lambda x: x.chunk(2, -1), (2, 6), [2, 3]),
    "parts in another order": (lambda x: torch.cat(x.chunk(3, 1)[::-1], 1), (2, 6), [2, 2]),
    "joined with zeros": (lambda x: torch.cat([x, torch.zeros(2, 2)], 1), (2, 3), [2, 3]),
    "joined with itself": (lambda x: torch.cat([x, x], 1), (2, 3), [2, 3]),
    "joined, then parted": (lambda x: torch.cat([x, x], 1).split([3, 3], 1), (2, 3), [2, 3]),
    "joined, then flattened": (lambda x: torch.cat([x, x], 1).flatten(1), (2, 3, 4), [2, 3, 4]),
    "stack": (lambda x: torch.stack([x, x], -1), (2, 3), [2, 3]),
    "stack, then flattened": (lambda x: torch.stack([x, x], -1).flatten(1), (2, 3), [2, 3]),
    "padding": (lambda x: functional.pad(x, (1, 2)), (2, 3), [2, 3]),
    "padding of one": (lambda x: functional.pad(x, (0, 1)), (2, 1), [2]),
    "padding that takes": (lambda x: functional.pad(x, (-1, 0)), (2, 3), []),
    "flip": (lambda x: x.flip(1), (2, 3), [2]),
    "roll": (lambda x: x.roll(1, -1), (2, 3), [2]),
    "roll of all": (lambda x: x.roll(1), (2, 3), []),
    "index": (lambda x: x[:, torch.tensor([2, 0])], (2, 3, 4), [2, 4]),
    "indices apart": (lambda x: x[torch.tensor([1, 0]), :, torch.tensor([0, 3])], (2, 3, 4), [3]),
    "index by a mask": (lambda x: x[:, torch.tensor([True, False, True])], (2, 3), [2]),
    "index_select": (lambda x: x.index_select(1, torch.tensor([2, 0])), (2, 3), [2]),
    "sort": (lambda x: x.sort(0, descending=True)[0], (2, 3), [3]),
    "topk": (lambda x: x.topk(2, 1)[0], (2, 3), [2]),
    "topk of the last": (lambda x: x.topk(2)[0], (2, 3), [2]),
    "gather": (lambda x: x.gather(1, torch.zeros(2, 3, dtype=torch.long)), (2, 3), [2]),
}  # fmt: skip


@pytest.mark.parametrize(("operator", "shape", "sizes"), CASES.values(), ids=CASES.keys())
def test_entries_are_where_they_are_said_to_be(
    operator: Callable[[Tensor], Tensor | Sequence[Tensor]],
    shape: tuple[int, ...],
    sizes: list[int],
    free: Callable[..., list[int]],
) -> None:
    assert free(operator, *shape) == sizes


def test_halves_that_gate_each_other_lose_the_same(axes: Callable[..., tuple[list[list[object]], ...]]) -> None:
    given, made = axes(lambda x: functional.glu(x, 1), (2, 6))
    assert given[1][1:] == made[1]
