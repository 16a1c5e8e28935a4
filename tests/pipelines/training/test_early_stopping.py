import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from pipelines.errors import TrialFailed
from pipelines.training.context import Context
from pipelines.training.early_stopping import EarlyStopping, calibration_loss
from pipelines.training.settings import Training


def weigh(model: nn.Linear, value: float) -> nn.Linear:
    model.weight.data.fill_(value)
    return model


def test_it_stops_after_as_many_epochs_without_gain_and_keeps_the_best_weights() -> None:
    model, stopping, seen = nn.Linear(1, 1, bias=False), EarlyStopping(2), []
    for epoch, loss in enumerate((3.0, 1.0, 2.0, 1.0)):
        stopping.look(weigh(model, epoch), loss)
        seen.append(stopping.stopped)
    assert seen == [False, False, False, True]
    stopping.apply(model)
    assert model.weight.item() == 1


def test_a_loss_that_is_no_number_is_no_gain() -> None:
    stopping = EarlyStopping(1)
    stopping.look(nn.Linear(1, 1), float("nan"))
    assert stopping.stopped


def test_it_goes_on_from_its_state() -> None:
    model, first, second = nn.Linear(1, 1, bias=False), EarlyStopping(2), EarlyStopping(2)
    first.look(weigh(model, 5), 1.0)
    first.look(weigh(model, 6), 2.0)
    second.restore(first.state())
    second.look(model, 2.0)
    assert second.stopped
    second.apply(model)
    assert model.weight.item() == 5


class Halves:
    def __init__(self, *batches: tuple[torch.Tensor, torch.Tensor]) -> None:
        self.data = batches

    def batches(self, split: str):
        assert split == "calibration", "trials are compared by the validation split"
        return self.data


def test_it_judges_by_the_calibration_split() -> None:
    task = Halves((torch.ones(2, 1), torch.zeros(2, 1)), (torch.zeros(2, 1), torch.zeros(2, 1)))
    context = Context(task, "", Training(), 0, torch.device("cpu"))  # type: ignore[arg-type]
    model = weigh(nn.Linear(1, 1, bias=False), 2).train()
    assert calibration_loss(model, mse_loss, context) == pytest.approx(2.0)
    assert model.training
    empty = Context(Halves(), "", Training(), 0, torch.device("cpu"))  # type: ignore[arg-type]
    with pytest.raises(TrialFailed, match=r"the calibration split has no batches, by which training\.patience"):
        calibration_loss(model, mse_loss, empty)
