import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.pruners.probe import check_shape, is_same, outputs, probe


def test_noise_takes_the_place_of_numbers_and_indices_stay() -> None:
    tokens = torch.tensor([[3, 1]])
    numbers, indices = probe((torch.zeros(2, 3), tokens))
    assert numbers.shape == (2, 3)
    assert numbers.unique().numel() == 6
    assert indices.equal(tokens)
    assert torch.equal(numbers, probe((torch.zeros(2, 3), tokens))[0])


def test_a_network_that_gives_another_shape_fails_the_trial() -> None:
    model, example = nn.Linear(3, 2), torch.zeros(4, 3)
    assert check_shape(model, example) == check_shape(model, example, (4, 2)) == (4, 2)
    with pytest.raises(TrialFailed, match=r"the pruned network gives \[4, 2\] instead of \[4, 5\]"):
        check_shape(model, example, (4, 5))


def test_outputs_are_the_same_up_to_rounding() -> None:
    one = outputs(nn.Linear(3, 2), (torch.ones(1, 3),))
    assert not one.requires_grad
    assert is_same(one * (1 + 1e-6), one)
    assert not is_same(one * 1.1, one)
    assert not is_same(one[:, :1], one)
