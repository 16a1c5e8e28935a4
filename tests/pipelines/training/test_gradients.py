from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from pipelines.errors import TrialFailed
from pipelines.training.context import Context
from pipelines.training.gradients import sum_gradients


def test_gradients_are_summed_over_training_batches_and_nothing_else_changes(context: Context, tiny) -> None:
    model = tiny.teacher().eval()
    model.add_module("unused", nn.Identity())
    model.unused.extra = nn.Parameter(torch.ones(3))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    sum_gradients(model, context)
    got = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    for images, targets in tiny.batches("train"):
        functional.cross_entropy(model(images), targets).backward()
    for name, parameter in model.named_parameters():
        expected = torch.zeros(3) if name == "unused.extra" else parameter.grad
        assert torch.allclose(got[name], expected, atol=1e-6)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_what_cannot_be_differentiated_fails_the_trial(context: Context, tiny) -> None:
    class Empty(type(tiny)):
        def batches(self, split):
            return []

    with pytest.raises(TrialFailed, match="the train split has no batches"):
        sum_gradients(tiny.teacher(), replace(context, task=Empty()))
    model = tiny.teacher()
    model[0].weight.data.fill_(float("nan"))
    with pytest.raises(TrialFailed, match=r"the gradient of the loss by \S+ is not finite"):
        sum_gradients(model, context)
