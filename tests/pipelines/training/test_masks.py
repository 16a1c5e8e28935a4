import torch
from torch import nn

from pipelines.training.context import Context
from pipelines.training.loop import train
from pipelines.training.masks import keep_zeros, masks_of


def test_masks_are_those_of_named_weights_with_zeros() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
        model[1].weight.fill_(1)
        model[2].weight.fill_(0)
    masks = masks_of(model, ["0.weight", "1.weight"])
    assert masks.keys() == {"0.weight"}
    assert masks["0.weight"].tolist() == [[False, True], [True, False]]


def test_zeros_stay_through_training_and_nothing_else_does(context: Context, tiny) -> None:
    model = tiny.teacher()
    with torch.no_grad():
        model[3].weight[:, ::2] = 0
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    train(model, context, epochs=2, after_step=keep_zeros(model, ["3.weight"]))
    assert torch.equal(model[3].weight[:, ::2], torch.zeros_like(model[3].weight[:, ::2]))
    assert (model[3].weight[:, 1::2] != 0).all()
    assert all((parameter != before[name]).any() for name, parameter in model.named_parameters())


def test_without_it_training_brings_the_weights_back(context: Context, tiny) -> None:
    model = tiny.teacher()
    with torch.no_grad():
        model[3].weight[:, ::2] = 0
    train(model, context, epochs=1)
    assert (model[3].weight[:, ::2] != 0).any()


def test_a_layer_that_starts_at_zero_learns(context: Context, tiny) -> None:
    model = tiny.teacher()
    nn.init.zeros_(model[3].weight)
    train(model, context, epochs=1, after_step=keep_zeros(model, []))
    assert model[3].weight.any()
