import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.pruners.traceable import traceable


@pytest.fixture
def model() -> nn.Sequential:
    """A network in training mode with one frozen layer and one that is in evaluation mode."""
    made = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)).train()
    made[0].requires_grad_(False)
    made[1].eval()
    return made


def state(model: nn.Module) -> tuple[list[bool], list[bool]]:
    return [each.training for each in model.modules()], [each.requires_grad for each in model.parameters()]


def test_within_it_gradients_flow_everywhere_and_afterwards_all_is_as_before(model) -> None:
    before = state(model)
    with torch.no_grad(), traceable(model):
        assert model(torch.zeros(1, 2)).requires_grad
        assert state(model) == ([False] * 4, [True] * 6)
    assert state(model) == before


def test_parameters_that_were_replaced_are_as_the_old_ones(model) -> None:
    with traceable(model):
        model[0].weight = nn.Parameter(torch.zeros(1, 2))
    assert not model[0].weight.requires_grad
    assert model[2].weight.requires_grad


def test_whatever_goes_wrong_is_told_as_the_networks(model) -> None:
    before = state(model)
    with pytest.raises(TrialFailed, match="the network cannot be pruned so: KeyError: 'mask'"), traceable(model):
        raise KeyError("mask")
    with pytest.raises(TrialFailed, match=r"^too narrow$"), traceable(model):
        raise TrialFailed("too narrow")
    assert state(model) == before
