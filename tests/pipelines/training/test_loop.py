import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipelines import Training
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.tasks.task import Batch, Split
from pipelines.training.context import Context
from pipelines.training.loop import train

SEPARABLE = (torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, 2.0]]), torch.tensor([0, 1, 0, 1]))


@dataclass
class Fixed:
    """A task whose train split has the given batches."""

    data: list[Batch]

    def batches(self, split: Split) -> Iterable[Batch]:
        assert split == "train"
        return self.data


def context(*data: Batch, learning_rate: float = 0.05, weight_decay: float = 0.01) -> Context:
    training = Training(learning_rate=learning_rate, weight_decay=weight_decay)
    return Context(Fixed(list(data)), "fixed", training, seed=0, device=torch.device("cpu"))


def test_it_learns_what_can_be_learned() -> None:
    torch.manual_seed(0)
    model = train(nn.Linear(2, 2), context(SEPARABLE), epochs=100)
    inputs, targets = SEPARABLE
    assert torch.equal(model(inputs).argmax(1), targets)


def test_no_epochs_leave_the_weights_as_they_are() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, context(SEPARABLE), epochs=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training


def test_a_trained_network_is_ready_for_use() -> None:
    model = nn.Linear(2, 2)
    assert train(model, context(SEPARABLE), epochs=1) is model
    assert not model.training


def test_the_learning_rate_falls_along_a_cosine() -> None:
    # AdamW's first steps are as long as the rate: with a constant gradient every step is, and they add up.
    weight = nn.Linear(1, 1, bias=False)
    start = weight.weight.item()
    flat = context((torch.ones(1, 1), torch.zeros(1)), learning_rate=0.1, weight_decay=0.0)
    train(weight, flat, epochs=2, loss=lambda inputs, outputs, targets: outputs.sum())
    assert start - weight.weight.item() == pytest.approx(0.1 + 0.05, rel=1e-4)


@pytest.mark.parametrize(
    ("batches", "reason"),
    [
        (
            [(torch.tensor([[float("inf"), 0.0]]), torch.tensor([0]))],
            "the loss became nan in epoch 1 of 3; batch 0 of the train split has infinite inputs: clean the data or, "
            "if they are meant, lower training.learning_rate (now 0.05)",
        ),
        (
            [SEPARABLE, (torch.tensor([[float("nan"), 0.0]]), torch.tensor([0]))],
            "batch 1 of the train split has inputs that are NaN; clean the data",
        ),
        (
            [(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))],
            "batch 0 of the train split is empty, so that its loss is no number; leave such batches out",
        ),
        ([], "the train split has no batches"),
    ],
    ids=["infinite inputs", "inputs that are NaN", "empty batch", "no batches"],
)
def test_what_cannot_be_trained_fails_the_trial(batches: list[Batch], reason: str) -> None:
    with pytest.raises(TrialFailed, match=re.escape(reason)):
        train(nn.Linear(2, 2), context(*batches), epochs=3)


def test_a_loss_that_becomes_no_number_by_training_fails_the_trial() -> None:
    message = "the loss became nan in epoch 1 of 1; lower training.learning_rate (now 0.05)"
    with pytest.raises(TrialFailed, match=re.escape(message)):
        train(nn.Linear(2, 2), context(SEPARABLE), epochs=1, loss=lambda i, outputs, t: outputs.sum() * float("nan"))


def test_weights_that_are_no_numbers_are_told_before_training() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    nn.init.constant_(model[1].bias, float("nan"))
    message = "before training, 1.bias of the network is not finite (NaN or infinite); look at what fills them"
    with pytest.raises(TrialFailed, match=re.escape(message)):
        train(model, context(SEPARABLE), epochs=1)


def test_a_buffer_may_be_infinite() -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.tensor([float("-inf")]))
    train(model, context(SEPARABLE), epochs=1)


def test_the_loss_sees_the_inputs() -> None:
    seen = []

    def looking(inputs: tuple[Tensor, ...], outputs: Tensor, targets: Tensor) -> Tensor:
        seen.append(inputs[0].shape)
        return cross_entropy(outputs, targets)

    train(nn.Linear(2, 2), context(SEPARABLE), epochs=2, loss=looking)
    assert seen == [(4, 2), (4, 2)]


def test_what_has_to_hold_of_the_weights_is_seen_to_after_each_step() -> None:
    model = nn.Linear(2, 2)

    def keep_a_zero() -> None:
        with torch.no_grad():
            model.weight[0, 0] = 0

    train(model, context(SEPARABLE), epochs=3, after_step=keep_a_zero)
    assert model.weight[0, 0] == 0
    assert model.weight[1, 1] != 0


def test_it_gives_way_after_every_step_to_those_who_wait_to_measure(tmp_path: Path) -> None:
    class Noting(Lease):
        asked = 0

        def give_way(self, settle: Callable[[], None] = lambda: None) -> None:
            self.asked += 1
            settle()

    lease = Noting(folder=tmp_path)
    train(nn.Linear(2, 2), replace(context(SEPARABLE, SEPARABLE), lease=lease), epochs=3)
    assert lease.asked == 6
