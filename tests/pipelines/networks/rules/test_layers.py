from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

Axes = Callable[..., tuple[list[list[object]], ...]]


def test_a_convolution_leads_from_one_axis_to_another(axes: Axes) -> None:
    x, weight, bias, made = axes(functional.conv2d, (2, 3, 8, 8), (4, 3, 3, 3), (4,))
    assert x[1] == weight[1]
    assert weight[0] == bias[0] == made[1]


def test_a_transposed_one_has_them_the_other_way_round(axes: Axes) -> None:
    x, weight, made = axes(functional.conv_transpose2d, (2, 3, 8, 8), (3, 4, 3, 3))
    assert (x[1], weight[1]) == (weight[0], made[1])


@pytest.mark.parametrize(
    ("operator", "weight"),
    [(functional.conv2d, (6, 2, 1, 1)), (functional.conv_transpose2d, (4, 3, 1, 1))],
    ids=["convolution", "transposed"],
)
def test_groups_are_an_axis_of_what_goes_in_and_out(
    operator: Callable[..., Tensor], weight: tuple[int, ...], axes: Axes
) -> None:
    x, _, made = axes(lambda x, w: operator(x, w, groups=2), (2, 4, 8, 8), weight)
    (group, given), (same, gives) = x[1], made[1]
    assert group is same
    assert given is not gives


def test_a_depthwise_one_has_the_channels_that_it_is_given(axes: Axes) -> None:
    x, weight, made = axes(lambda x, w: functional.conv2d(x, w, groups=3), (2, 3, 8, 8), (3, 1, 1, 1))
    assert x[1] == weight[0] == made[1]


def test_norms_have_the_channels_that_they_scale(axes: Axes) -> None:
    x, weight, made = axes(lambda x, w: functional.layer_norm(x, (3,), w), (2, 3), (3,))
    assert (x, weight[0]) == (made, x[1])
    x, weight, made = axes(lambda x, w: functional.batch_norm(x, None, None, w, training=True), (2, 3, 4), (3,))
    assert (x, weight[0]) == (made, x[1])
    x, weight, made = axes(lambda x, w: functional.group_norm(x, 2, w), (2, 6, 4), (6,))
    assert (x, weight[0]) == (made, x[1])


def test_a_table_of_embeddings_gives_its_width(axes: Axes) -> None:
    words = torch.zeros(2, 5, dtype=torch.long)
    weight, made = axes(lambda w: functional.embedding(words, w), (9, 3))
    assert weight[1] == made[2]
    weight, made = axes(lambda w: functional.embedding_bag(words, w), (9, 3))
    assert weight[1] == made[1]
