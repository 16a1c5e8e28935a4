"""The contract of every registered pruner."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS, Cut, Pruner
from spaces import Value

EXAMPLE = torch.zeros(1, 1, 8, 8)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def hooks(model: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        for module in model.modules()
    )


def cut(pruner: Pruner, model: nn.Module, params: dict[str, Value]) -> Any:
    importance = IMPORTANCES[str(params["importance"])]
    sizes = pruner.sizes(model, EXAMPLE)
    return pruner.prune(model, Cut(EXAMPLE, float(params["ratio"]), sizes, importance, params))


@pytest.fixture(params=PRUNERS.values(), ids=PRUNERS.keys())
def pruner(request: pytest.FixtureRequest) -> Pruner:
    return request.param


def test_it_is_registered_under_its_own_name(pruner: Pruner) -> None:
    assert PRUNERS[pruner.name] is pruner


def test_the_network_gets_smaller_and_gives_the_same_shape(
    pruner: Pruner, fresh_cnn: Callable[..., nn.Module], some_params: Callable
) -> None:
    model = fresh_cnn()
    before = parameters(model)
    cut(pruner, model, some_params(pruner))
    assert parameters(model) < before
    assert model(torch.zeros(3, 1, 8, 8)).shape == (3, 2)


def test_its_history_repeats_the_cut_on_a_fresh_network(
    pruner: Pruner, fresh_cnn: Callable[..., nn.Module], some_params: Callable
) -> None:
    model, copy, images = fresh_cnn(), fresh_cnn(), torch.rand(5, 1, 8, 8)
    history = json.loads(json.dumps(cut(pruner, model, some_params(pruner))))
    pruner.replay(copy, EXAMPLE, history)
    copy.load_state_dict(model.state_dict())
    assert torch.equal(copy(images), model(images))


def test_it_leaves_nothing_behind_in_the_network(
    pruner: Pruner, fresh_cnn: Callable[..., nn.Module], some_params: Callable
) -> None:
    model, copy = fresh_cnn(), fresh_cnn()
    history = cut(pruner, model, some_params(pruner))
    pruner.replay(copy, EXAMPLE, history)
    assert hooks(model) == hooks(copy) == 0
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_its_cut_depends_on_the_weights_alone(
    pruner: Pruner, fresh_cnn: Callable[..., nn.Module], some_params: Callable
) -> None:
    one, other = fresh_cnn(), fresh_cnn()
    other.load_state_dict(one.state_dict())
    first = cut(pruner, one, some_params(pruner))
    torch.rand(7)
    assert cut(pruner, other, some_params(pruner)) == first


def test_its_label_is_short(pruner: Pruner, some_params: Callable) -> None:
    assert 0 < len(pruner.label(some_params(pruner))) <= 16
