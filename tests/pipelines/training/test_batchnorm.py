from dataclasses import replace

import pytest
import torch
from torch import nn

from pipelines.training.batchnorm import reestimate_statistics
from pipelines.training.context import Context


def test_statistics_are_the_averages_over_the_training_batches(context: Context, tiny) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(128, 2)).eval()
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    outputs = [model[0](images) for images, _ in tiny.batches("train")]
    reestimate_statistics(model, context)
    mean = torch.stack([output.mean((0, 2, 3)) for output in outputs]).mean(0)
    variance = torch.stack([output.var((0, 2, 3)) for output in outputs]).mean(0)
    assert torch.allclose(model[1].running_mean, mean, atol=1e-5)
    assert torch.allclose(model[1].running_var, variance, atol=1e-5)
    assert model[1].momentum == 0.1
    assert all(torch.equal(p, before) for p, before in zip(model.parameters(), weights, strict=True))
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize(
    "norm", [nn.LayerNorm(64), nn.BatchNorm1d(64, track_running_stats=False)], ids=["another norm", "no statistics"]
)
def test_a_network_without_statistics_is_not_called(context: Context, norm: nn.Module) -> None:
    class Uncallable(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError("was called")

    reestimate_statistics(Uncallable(nn.Flatten(), norm), context)


def test_a_network_may_take_several_inputs(context: Context, tiny) -> None:
    class Two(type(tiny)):
        def batches(self, split):
            return (((images, images), targets) for images, targets in super().batches(split))

    class Difference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(1)

        def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return self.norm(one - other)

    model = Difference()
    model.norm.running_mean += 7
    reestimate_statistics(model, replace(context, task=Two()))
    assert model.norm.running_mean.item() == 0
