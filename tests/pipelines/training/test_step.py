import pytest
import torch
from torch import Tensor, nn

from pipelines import Training
from pipelines.tasks.tensors import Tensors
from pipelines.training.feed import TrainBatch
from pipelines.training.step import TrainingStep

BATCH = TrainBatch((torch.ones(2, 3),), torch.zeros(2))


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensors:
        found = self.layer(x)
        return Tensors(("logits", "state"), (found, found + 1))


def step(model: nn.Module, loss=lambda batch, outputs: outputs.sum(), **how: object) -> TrainingStep:
    return TrainingStep(model, Training(**how).of("student"), loss)


def test_gradients_add_up_until_the_weights_change() -> None:
    model = nn.Linear(3, 1)
    taken = step(model, accumulate=2)
    taken.backward(BATCH)
    taken.backward(BATCH)
    assert model.weight.grad.tolist() == [[2.0, 2.0, 2.0]]  # the mean of two batches of two ones each
    taken.update()
    assert model.weight.grad is None


def test_losses_are_summed_since_the_beginning() -> None:
    taken = step(nn.Linear(3, 1), loss=lambda batch, outputs: outputs.sum() * 0 + 2)
    taken.backward(BATCH)
    taken.backward(BATCH)
    assert taken.total == 4
    taken.begin()
    assert taken.total == 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_loss_sees_all_outputs_by_their_names_in_single_precision(precision: str) -> None:
    seen = []

    def loss(batch: TrainBatch, outputs: Tensors) -> Tensor:
        seen.extend([outputs.names, outputs.logits.dtype, outputs.state.dtype])
        return outputs.logits.sum()

    step(Several(), loss, precision=precision).backward(BATCH)
    assert seen == [("logits", "state"), torch.float32, torch.float32]
