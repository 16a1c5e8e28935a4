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
from pipelines.tasks.task import IGNORED, Batch, Split
from pipelines.tasks.tensors import Tensors
from pipelines.training.context import Context
from pipelines.training.feed import TrainBatch
from pipelines.training.loop import labels_loss, train

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
    train(weight, flat, epochs=2, loss=lambda batch, outputs: outputs.sum())
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
        train(nn.Linear(2, 2), context(SEPARABLE), epochs=1, loss=lambda batch, outputs: outputs.sum() * float("nan"))


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

    def looking(batch: TrainBatch, outputs: Tensor) -> Tensor:
        seen.append(batch.inputs[0].shape)
        return cross_entropy(outputs, batch.targets)

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


def learn(**how: object) -> tuple[nn.Module, Context]:
    used = replace(context(SEPARABLE, SEPARABLE, SEPARABLE), training=Training(**{"learning_rate": 0.05, **how}))
    torch.manual_seed(0)
    return train(nn.Linear(2, 2), used, epochs=2), used


def test_gradients_of_several_batches_make_one_step() -> None:
    taken: list[int] = []
    used = replace(context(*[SEPARABLE] * 5), training=Training(accumulate=2))
    train(nn.Linear(2, 2), used, epochs=2, after_step=lambda: taken.append(1))
    assert len(taken) == 2 * 3, "two of two batches and one of what is left, in each epoch"


def test_accumulated_they_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    inputs, targets = torch.randn(8, 2), torch.arange(8) % 2
    whole, halves = [(inputs, targets)], list(zip(inputs.split(4), targets.split(4), strict=True))
    found = []
    for data, count in ((whole, 1), (halves, 2)):
        torch.manual_seed(1)
        used = replace(context(*data), training=Training(accumulate=count, optimizer="sgd", learning_rate=0.1,
                                                         weight_decay=0))  # fmt: skip
        found.append(train(nn.Linear(2, 2), used, epochs=3).weight)
    torch.testing.assert_close(*found)


def test_gradients_are_clipped() -> None:
    weight = nn.Linear(1, 1, bias=False)
    start = weight.weight.item()
    how = Training(optimizer="sgd", learning_rate=1.0, weight_decay=0, clip_norm=0.25)
    used = replace(context((torch.full((1, 1), 100.0), torch.zeros(1))), training=how)
    train(weight, used, epochs=1, loss=lambda batch, outputs: outputs.sum())
    assert start - weight.weight.item() == pytest.approx(0.25, rel=1e-3)


def test_smoothed_labels_are_learned_less_surely() -> None:
    plain, _ = learn()
    smoothed, _ = learn(label_smoothing=0.5)
    assert smoothed.weight.abs().sum() < plain.weight.abs().sum()


def smoothing(task: Fixed) -> Context:
    return replace(context(SEPARABLE), task=task, training=Training(label_smoothing=0.5))


def test_of_several_outputs_the_scored_one_is_smoothed() -> None:
    logits, targets = torch.tensor([[2.0, -1.0], [0.5, 1.0]]), torch.tensor([0, 1])
    several = Tensors(["logits", "hidden"], [logits, torch.ones(2, 3)])
    used = smoothing(Fixed([SEPARABLE]))
    loss = labels_loss(used, used.training.of("student"))
    assert loss(several, targets) == cross_entropy(logits, targets, label_smoothing=0.5)


def test_labels_are_smoothed_over_the_classes_wherever_they_lie() -> None:
    class Tokens(Fixed):
        loss, class_dim = "cross-entropy", -1

    logits, targets = torch.arange(12.0).sin().reshape(1, 4, 3), torch.tensor([[0, 2, 1, IGNORED]])
    used = smoothing(Tokens([SEPARABLE]))
    loss = labels_loss(used, used.training.of("student"))
    assert loss(logits, targets) == cross_entropy(logits.movedim(-1, 1), targets, label_smoothing=0.5)


class OwnLoss(Fixed):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets)


class Numbers(Fixed):
    loss = "mse"


class Language(Fixed):
    loss = "next-token"


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (OwnLoss, "the task has one of its own; smooth there, or set it to 0"),
        (Numbers, "the task names the loss mse; set it to 0"),
        (Language, "the task names the loss next-token; set it to 0"),
    ],
    ids=["a loss of its own", "numbers", "a language model"],
)
def test_labels_are_smoothed_in_cross_entropy_only(task: type[Fixed], reason: str) -> None:
    with pytest.raises(TrialFailed) as caught:
        train(nn.Linear(2, 2), smoothing(task([SEPARABLE])), epochs=1)
    assert caught.value.reason == f"training.label_smoothing: 0.5 is for cross-entropy, and {reason}"


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_weights_stay_in_single_precision(precision: str) -> None:
    seen = []

    class Watching(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(super().forward(x))
            return seen[-1]

    used = replace(context(SEPARABLE), training=Training(precision=precision, learning_rate=0.05))
    model = train(Watching(2, 2), used, epochs=2)
    assert {str(output.dtype) for output in seen} == {{"bf16": "torch.bfloat16", "fp16": "torch.float16"}[precision]}
    assert model.weight.dtype == torch.float32
    assert model.weight.isfinite().all()


def test_images_lie_channels_last_in_training_only() -> None:
    seen = []

    class Watching(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            seen.append((x.is_contiguous(memory_format=torch.channels_last), self.weight.stride()))
            return super().forward(x).mean((2, 3))

    images = (torch.rand(4, 3, 8, 8), torch.arange(4) % 2)
    model = train(Watching(3, 2, 3), replace(context(images), training=Training(channels_last=True)), epochs=1)
    assert seen == [(True, (27, 1, 9, 3))]
    assert model.weight.is_contiguous()


def test_the_average_of_the_weights_becomes_the_result() -> None:
    last, _ = learn()
    averaged, _ = learn(ema=0.9)
    assert not torch.equal(last.weight, averaged.weight)


def test_it_ends_early_with_the_best_weights() -> None:
    class Split3(Fixed):
        def batches(self, split: Split) -> Iterable[Batch]:
            # what is learned makes the calibration examples worse with every epoch
            return self.data if split == "train" else [(SEPARABLE[0], 1 - SEPARABLE[1])]

    used = replace(context(), task=Split3([SEPARABLE]), training=Training(patience=2, learning_rate=0.1))
    passes: list[int] = []
    torch.manual_seed(0)
    train(nn.Linear(2, 2), used, epochs=50, after_step=lambda: passes.append(1))
    assert len(passes) == 3
    assert used.notes == ["trained for 3 of 50 epochs, as the calibration loss fell no more"]
