import random

import numpy as np
import pytest
import torch
from torch import nn

from pipelines.training.initial_weights import initial_weights, is_pretrained


def filled(value: float) -> nn.Module:
    layer = nn.Linear(2, 2)
    nn.init.constant_(layer.weight, value)
    return layer


def statistics(value: float) -> nn.Module:
    norm = nn.BatchNorm1d(2)
    norm.running_mean.fill_(value)
    return norm


def test_weights_that_come_of_chance_do_not_count() -> None:
    assert initial_weights(lambda: nn.Linear(3, 3)) == initial_weights(lambda: nn.Linear(5, 5))


@pytest.mark.parametrize("network", [filled, statistics], ids=["parameter", "buffer"])
def test_weights_that_are_always_the_same_count(network) -> None:
    assert initial_weights(lambda: network(1.0)) == initial_weights(lambda: network(1.0))
    assert initial_weights(lambda: network(1.0)) != initial_weights(lambda: network(2.0))


def test_a_shape_and_a_type_count() -> None:
    kinds = [torch.zeros(4), torch.zeros(2, 2), torch.zeros(4, dtype=torch.float16), torch.zeros((), dtype=torch.int8)]

    def made(tensor: torch.Tensor) -> nn.Module:
        module = nn.Module()
        module.register_buffer("kept", tensor)
        return module

    assert len({initial_weights(lambda kind=kind: made(kind)) for kind in kinds}) == len(kinds)


def test_a_layer_that_has_no_weights_yet_counts_for_nothing() -> None:
    assert initial_weights(lambda: nn.LazyLinear(3)) == initial_weights(nn.Sequential)


def test_the_generators_are_left_as_they_were() -> None:
    def drawn() -> tuple[float, float, float]:
        return random.random(), float(np.random.random()), float(torch.rand(()))

    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)
    expected = drawn()
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)
    initial_weights(lambda: nn.Dropout(drawn()[0]))
    assert drawn() == expected


def loaded() -> nn.Module:
    """A network with the weights of a file, and a fresh head."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2))
    state = torch.random.get_rng_state()
    torch.manual_seed(7)
    weights = torch.randn(8, 8)
    torch.random.set_rng_state(state)
    model[0].weight.data.copy_(weights)
    return model


def seeded() -> nn.Module:
    torch.manual_seed(7)
    return nn.Linear(8, 2)


def constant() -> nn.Module:
    model = nn.Linear(8, 2)
    nn.init.zeros_(model.weight)
    return model


@pytest.mark.parametrize(
    ("make", "expected"),
    [(loaded, True), (lambda: nn.Linear(8, 2), False), (seeded, False), (constant, False), (nn.ReLU, False)],
    ids=["weights of a file", "drawn", "drawn with a seed of its own", "constant", "no weights"],
)
def test_weights_that_were_trained_elsewhere_do_not_come_of_chance(make, expected: bool) -> None:
    before = torch.get_rng_state()
    assert is_pretrained(make) is expected
    assert torch.equal(before, torch.get_rng_state())
