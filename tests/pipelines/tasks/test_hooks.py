import inspect

import pytest
import torch
from torch import nn

from pipelines.tasks.hooks import HOOKS, OwnLoss, is_value, misspelt


class Named:
    """Each slip stands for a hook that is absent; `features` is too far from all of them."""

    def __init__(self) -> None:
        self.losses = nn.MSELoss()

    @staticmethod
    def finger_print(): ...

    @property
    def score_(self):
        raise RuntimeError("nobody has to run this")

    def scores(self, outputs, targets): ...

    def features(self): ...

    def _feature_point(self): ...


def test_a_slip_is_found_however_the_method_came_there() -> None:
    assert misspelt(Named(), HOOKS) == {"loss": "losses", "score": "scores", "fingerprint": "finger_print"}


def test_a_hook_that_is_there_is_no_slip_and_has_none() -> None:
    task = Named()
    task.score = task.scores
    task.loss = None
    assert misspelt(task, ["score", "loss"]) == {}
    assert misspelt(task, ["scores"]) == {}


def test_a_loss_may_be_a_module_that_was_given_and_none_is_none() -> None:
    task = Named()
    task.loss = nn.MSELoss()
    assert isinstance(task, OwnLoss)
    assert task.loss(torch.ones(2), torch.zeros(2)) == 1
    task.loss = None
    assert not isinstance(task, OwnLoss)
    assert not is_value(task, "loss")


def test_a_value_is_told_from_a_method() -> None:
    task = Named()
    task.fingerprint = "v1"
    assert is_value(task, "fingerprint")
    assert not is_value(task, "features")
    assert not is_value(task, "absent")


@pytest.mark.parametrize("name", HOOKS)
def test_a_hooks_protocol_has_the_one_method_of_its_name(name) -> None:
    own = [each for each, _ in inspect.getmembers(HOOKS[name], inspect.isfunction) if not each.startswith("_")]
    assert own == [name]
