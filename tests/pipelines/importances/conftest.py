from collections.abc import Callable

import pytest
import torch
import torch_pruning as tp
from torch import nn

from pipelines.importances import Importance


@pytest.fixture
def network() -> nn.Sequential:
    """Channels of a first layer, with what depends on them, whose importances can be counted by hand."""
    model = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1, bias=False)).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1))
        model[1].weight.copy_(torch.tensor([3.0, 1.0, 2.0]))
        model[2].weight.copy_(torch.tensor([2.0, 2.0, -4.0]).view(1, 3, 1, 1))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    model[0].weight.grad[2] = 0
    return model


@pytest.fixture
def group_scores() -> Callable[[Importance, nn.Sequential], torch.Tensor]:
    """The importances of the channels of a network's first layer."""

    def score(importance: Importance, model: nn.Sequential) -> torch.Tensor:
        graph = tp.DependencyGraph().build_dependency(model, torch.zeros(1, 1, 2, 2))
        return importance.of_groups()(graph.get_pruning_group(model[0], tp.prune_conv_out_channels, [0, 1, 2]))

    return score
