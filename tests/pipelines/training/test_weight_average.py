import pytest
import torch
from torch import nn

from pipelines.training.weight_average import WeightAverage


def test_it_follows_the_weights_with_a_decay_that_grows() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0)
    average = WeightAverage(model, decay=0.25)
    expected = 0.0
    for step, value in enumerate((1.0, 2.0, 4.0)):
        model.weight.data.fill_(value)
        average.update()
        decay = min(0.25, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with average.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 4
    average.apply()
    assert model.weight.item() == pytest.approx(expected)


def test_it_goes_on_from_its_state() -> None:
    models = [nn.BatchNorm1d(2) for _ in range(2)]
    first, second = (WeightAverage(model, decay=0.5) for model in models)
    models[0].weight.data.fill_(3)
    first.update()
    second.restore(first.state())
    for average in (first, second):
        average.apply()
    assert torch.equal(models[0].weight, models[1].weight)


def test_zeros_stay_zeros() -> None:
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = torch.tensor([[0.0, 1.0]])
    average = WeightAverage(model, decay=0.9)
    model.weight.data[0, 1] = 2
    average.update()
    average.apply()
    assert model.weight[0, 0] == 0
