from collections.abc import Callable

import pytest
from torch import Tensor

CASES = {
    "view as a product": (lambda x: x.view(2, 3, 4), (2, 12), [2, 3, 4]),
    "view in other parts": (lambda x: x.view(2, 12).view(2, 4, 3), (2, 3, 4), [2]),
    "view and back": (lambda x: x.view(2, 3, 4).reshape(6, 4).reshape(2, 12), (2, 12), [2, 3, 4]),
    "view across the batch": (lambda x: x.view(6, 4), (2, 3, 4), [2, 3, 4]),
    "view of parts": (lambda x: x.view(5, 2, 6), (5, 3, 4), [5]),
    "permute": (lambda x: x.permute(2, 0, 1), (2, 3, 4), [2, 3, 4]),
    "permute, then flatten": (lambda x: x.permute(0, 2, 1).flatten(1), (2, 3, 4), [2, 3, 4]),
    "transpose": (lambda x: x.transpose(-1, 1), (2, 3, 4), [2, 3, 4]),
    "t": (lambda x: x.t(), (2, 3), [2, 3]),
    "unsqueeze": (lambda x: x.unsqueeze(-2), (2, 3), [2, 3]),
    "squeeze": (lambda x: x.squeeze(), (2, 1, 3, 1), [2, 3]),
    "squeeze of one": (lambda x: x.squeeze(1), (2, 1, 3, 1), [2, 3]),
    "squeeze of nothing": (lambda x: x.squeeze(0), (2, 3), [2, 3]),
    "expand": (lambda x: x.expand(4, 2, 5, 3), (2, 1, 3), [2, 3]),
    "repeat": (lambda x: x.repeat(2, 1, 3), (2, 3), [2, 3]),
    "repeat one by one": (lambda x: x.repeat_interleave(2, 1), (2, 3), [2, 3]),
    "windows": (
        lambda x: x.view(1, 2, 2, 2, 2, 3).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, 3), (1, 4, 4, 3), [2, 2, 2, 2, 3],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("operator", "shape", "sizes"), CASES.values(), ids=CASES.keys())
def test_entries_are_where_they_are_said_to_be(
    operator: Callable[[Tensor], Tensor], shape: tuple[int, ...], sizes: list[int], free: Callable[..., list[int]]
) -> None:
    assert free(operator, *shape) == sizes
