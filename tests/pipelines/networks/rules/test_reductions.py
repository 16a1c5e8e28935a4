from collections.abc import Callable

import pytest
import torch
from torch import Tensor

CASES = {
    "a mean": (lambda x: x.mean(1), [0, 2]),
    "a mean of places": (lambda x: x.mean((-1, -2)), [0]),
    "a sum that keeps its dimension": (lambda x: x.sum(1, keepdim=True), [0, None, 2]),
    "the largest": (lambda x: x.amax(-1), [0, 1]),
    "the largest and where it is": (lambda x: x.max(0)[0], [1, 2]),
    "a norm": (lambda x: torch.linalg.vector_norm(x, dim=2), [0, 1]),
    "all of it": (torch.sum, []),
}  # fmt: skip


@pytest.mark.parametrize(("operator", "left"), CASES.values(), ids=CASES.keys())
def test_the_other_dimensions_stay(
    operator: Callable[[Tensor], Tensor],
    left: list[int | None],
    axes: Callable[..., tuple[list[list[object]], ...]],
) -> None:
    given, made = axes(operator, (2, 3, 4))
    assert made == [[] if at is None else given[at] for at in left]
