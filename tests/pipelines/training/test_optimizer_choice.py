import pytest
import torch
from torch import nn

from pipelines.training.optimizer_choice import ADAMW, UNFIT, OptimizerChoice, optimizers


def test_torchs_optimizers_are_known_by_their_names_in_small_letters() -> None:
    assert {"sgd", "adam", "adamw", "rmsprop"} <= set(optimizers())
    assert not {name.lower() for name in UNFIT} & set(optimizers())


@pytest.mark.parametrize("name", optimizers())
def test_each_of_them_takes_a_step(name: str) -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    optimizer = OptimizerChoice.read(name).make(layer.parameters(), 0.1, 0.01)
    for _ in range(2):
        layer(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert not torch.equal(before, layer.weight)


def test_arguments_reach_the_optimizer() -> None:
    choice = OptimizerChoice.read({"name": "AdamW", "betas": [0.8, 0.9]})
    optimizer = choice.make([nn.Parameter(torch.zeros(1))], 0.1, 0.01)
    (group,) = optimizer.param_groups
    assert isinstance(optimizer, torch.optim.AdamW)
    assert (group["betas"], group["lr"], group["weight_decay"]) == ((0.8, 0.9), 0.1, 0.01)
    assert OptimizerChoice.read(choice.dump()) == choice


def test_the_default_is_adamw() -> None:
    assert OptimizerChoice.read("adamw") is ADAMW
    assert ADAMW.dump() == {"name": "adamw"}
