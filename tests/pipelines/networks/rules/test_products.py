from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

Axes = Callable[..., tuple[list[list[object]], ...]]


@pytest.mark.parametrize("operator", [torch.mm, torch.matmul, lambda a, b: a @ b], ids=["mm", "matmul", "@"])
def test_what_is_summed_over_is_one_axis(operator: Callable[..., torch.Tensor], axes: Axes) -> None:
    one, other, made = axes(operator, (2, 3), (3, 4))
    assert one[1] == other[0]
    assert made == [one[0], other[1]]


def test_a_vector_has_one_dimension(axes: Axes) -> None:
    one, other, made = axes(torch.mv, (2, 3), (3,))
    assert (one[1], made) == (other[0], [one[0]])


def test_what_is_added_to_a_product_has_its_axes(axes: Axes) -> None:
    bias, one, other, made = axes(torch.addmm, (4,), (2, 3), (3, 4))
    assert bias[0] == other[1] == made[1]
    assert one[1] == other[0]


def test_products_of_a_batch_share_it(axes: Axes) -> None:
    one, other, made = axes(torch.bmm, (5, 2, 3), (5, 3, 4))
    assert one[0] == other[0] == made[0]


def test_an_equation_is_followed(axes: Axes) -> None:
    x, weight, made = axes(lambda x, w: torch.einsum("btc,hdc->bhtd", x, w), (2, 5, 3), (2, 4, 3))
    assert x[2] == weight[2]
    assert made == [x[0], weight[0], x[1], weight[1]]


def test_queries_that_share_keys_and_values_follow_each_other(axes: Axes) -> None:
    def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return functional.scaled_dot_product_attention(q, k, v)

    query, key, value, made = axes(attention, (1, 4, 5, 8), (1, 4, 5, 8), (1, 4, 5, 6))
    assert query[1] == key[1] == value[1] == made[1]
    assert (query[3], key[2], made[3]) == (key[3], value[2], value[3])
