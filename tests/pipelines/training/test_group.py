import pytest
import torch
from torch import nn

from pipelines.training.group import ALONE, Group

ITEM = ((torch.arange(10.0)[:, None],), torch.arange(10))


def test_alone_nothing_is_changed() -> None:
    item, share = ALONE.part(ITEM)
    assert (item is ITEM, share) == (True, 1.0)
    model = nn.Linear(1, 1)
    before = [parameter.clone() for parameter in model.parameters()]
    ALONE.begin(model)
    ALONE.share(model)
    ALONE.sum_gradients(list(model.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert ALONE.agree(0.5) == 0.5


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_example_is_one_process_s(size: int) -> None:
    parts = [Group(rank, size).part(ITEM) for rank in range(size)]
    assert torch.equal(torch.cat([targets for (_, targets), _ in parts]), ITEM[1])
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert all(len(targets) == len(inputs[0]) == round(10 * share) for (inputs, targets), share in parts)


def test_a_batch_that_is_too_small_is_the_first_process_s() -> None:
    parts = [Group(rank, 6).part(ITEM) for rank in range(6)]
    assert [share for _, share in parts] == [1.0, 0, 0, 0, 0, 0]
    assert all(len(targets) == 10 for (_, targets), _ in parts)


def test_processes_draw_numbers_of_their_own_and_go_on_alike() -> None:
    drawn, after = [], []
    for rank in range(2):
        torch.manual_seed(0)
        with Group(rank, 2).own_draws():
            drawn.append(torch.rand(4))
        after.append(torch.rand(4))
    assert not torch.equal(*drawn)
    assert torch.equal(*after)
