import re
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipelines import Training
from pipelines.errors import TrialFailed
from pipelines.task import Batch
from pipelines.training import train

CPU = torch.device("cpu")
SETTINGS = Training(learning_rate=0.05)


def separable() -> Iterable[Batch]:
    yield torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, 2.0]]), torch.tensor([0, 1, 0, 1])


def loss(inputs: tuple[Tensor, ...], outputs: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(outputs, targets)


def test_it_learns_what_can_be_learned() -> None:
    torch.manual_seed(0)
    model = train(nn.Linear(2, 2), separable, loss, epochs=100, training=SETTINGS, device=CPU)
    ((inputs, targets),) = separable()
    assert torch.equal(model(inputs).argmax(1), targets)


def test_no_epochs_leave_the_weights_as_they_are() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, separable, loss, epochs=0, training=SETTINGS, device=CPU)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training


def test_a_trained_network_is_ready_for_use() -> None:
    model = nn.Linear(2, 2)
    assert train(model, separable, loss, epochs=1, training=SETTINGS, device=CPU) is model
    assert not model.training


def test_the_learning_rate_falls_along_a_cosine() -> None:
    # AdamW's first steps are as long as the rate: with a constant gradient every step is, and they add up.
    weight = nn.Linear(1, 1, bias=False)
    start = weight.weight.item()
    flat = Training(learning_rate=0.1, weight_decay=0.0)
    one = [(torch.ones(1, 1), torch.zeros(1))]
    train(weight, lambda: one, lambda inputs, outputs, targets: outputs.sum(), epochs=2, training=flat, device=CPU)
    assert start - weight.weight.item() == pytest.approx(0.1 + 0.05, rel=1e-4)


@pytest.mark.parametrize(
    ("batches", "reason"),
    [
        (
            [(torch.tensor([[float("inf"), 0.0]]), torch.tensor([0]))],
            "the loss became nan in epoch 1 of 3; lower training.learning_rate (now 0.05)",
        ),
        ([], "the train split has no batches"),
    ],
    ids=["loss is no number", "no batches"],
)
def test_what_cannot_be_trained_fails_the_trial(batches: list[Batch], reason: str) -> None:
    with pytest.raises(TrialFailed, match=re.escape(reason)):
        train(nn.Linear(2, 2), lambda: batches, loss, epochs=3, training=SETTINGS, device=CPU)


def test_the_loss_sees_the_inputs() -> None:
    seen = []

    def looking(inputs: tuple[Tensor, ...], outputs: Tensor, targets: Tensor) -> Tensor:
        seen.append(inputs[0].shape)
        return cross_entropy(outputs, targets)

    train(nn.Linear(2, 2), separable, looking, epochs=2, training=SETTINGS, device=CPU)
    assert seen == [(4, 2), (4, 2)]
