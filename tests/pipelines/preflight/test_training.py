import pytest
import torch
from torch import nn

from pipelines import STEPS, Training
from pipelines.preflight.training import training_warnings
from spaces import SearchSpace


class Loaded:
    def teacher(self) -> nn.Module:
        model = nn.Linear(8, 2)
        model.weight.data.copy_(torch.arange(16.0).view(2, 8))
        return model


class Fresh:
    def teacher(self) -> nn.Module:
        return nn.Linear(8, 2)


HARD = (
    "training.teacher.learning_rate: teacher() comes with trained weights, which 0.002 may spoil; leave it out for "
    "0.0001, or set training.teacher_epochs to 0 to take them as they are"
)


@pytest.mark.parametrize(
    ("task", "training", "expected"),
    [
        (Loaded, {"teacher": {"learning_rate": 2e-3}}, [HARD]),
        (Loaded, {"teacher": {"learning_rate": 2e-4}}, []),
        (Loaded, {}, []),
        (Loaded, {"teacher": {"learning_rate": 2e-3}, "teacher_epochs": 0}, []),
        (Fresh, {"teacher": {"learning_rate": 2e-3}}, []),
    ],
    ids=["hard", "gentle", "as it is", "not trained", "begins at random"],
)
def test_trained_weights_are_not_trained_hard_in_silence(task: type, training: dict, expected: list[str]) -> None:
    space = SearchSpace.parse({"quantization": {"scheme": "none"}}, STEPS)
    assert list(training_warnings(task(), space, Training(**training))) == expected


@pytest.mark.parametrize(("epochs", "told"), [(0, True), (1, False)])
def test_a_teacher_of_a_training_that_is_left_out_is_told(epochs: int, told: bool) -> None:
    space = SearchSpace.parse({"pruning": {"method": "channel", "ratio": 0.5, "alpha": [0, 0.5]}}, STEPS)
    message = "space.pruning.alpha: nothing is learned from a teacher with training.finetune_epochs: 0"
    assert list(training_warnings(Fresh(), space, Training(finetune_epochs=epochs))) == [message] * told
