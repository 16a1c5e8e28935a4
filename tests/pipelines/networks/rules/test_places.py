from collections.abc import Callable

import pytest
from torch import Tensor
from torch.nn import functional

CASES = {
    "pooling": (lambda x: functional.max_pool2d(x, 2), (2, 3, 4, 4), [2, 3]),
    "pooling in one dimension": (lambda x: functional.max_pool1d(x, 2), (2, 3, 4), [2, 3]),
    "resizing": (lambda x: functional.interpolate(x, scale_factor=2), (2, 3, 2, 2), [2, 3]),
    "padding by reflection": (lambda x: functional.pad(x, (1, 1, 1, 1), mode="reflect"), (2, 3, 2, 2), [2, 3]),
    "pixel shuffle": (lambda x: functional.pixel_shuffle(x, 2), (2, 12, 2, 2), [2, 3]),
    "pixel unshuffle": (lambda x: functional.pixel_unshuffle(x, 2), (2, 3, 4, 4), [2, 3]),
    "channel shuffle": (lambda x: functional.channel_shuffle(x, 3), (2, 6, 2, 2), [2, 3, 2, 2, 2]),
    "unfolding": (lambda x: functional.unfold(x, 2), (2, 3, 3, 3), [2, 3]),
}  # fmt: skip


@pytest.mark.parametrize(("operator", "shape", "sizes"), CASES.values(), ids=CASES.keys())
def test_entries_are_where_they_are_said_to_be(
    operator: Callable[[Tensor], Tensor], shape: tuple[int, ...], sizes: list[int], free: Callable[..., list[int]]
) -> None:
    assert free(operator, *shape) == sizes
