import re

import pytest
import torch
from torch import nn

from pipelines.distillers import ActivationRecorder, Point
from pipelines.errors import TrialFailed


class Twice(nn.Module):
    """One layer called twice, another by keyword, a third never; a fourth gives a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.other, self.spare = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
        self.pair = nn.LSTM(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pair(self.other(input=self.layer(self.layer(x))))[0]


MODEL, X = Twice(), torch.rand(3, 2)


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_it_hears_the_last_call_and_leaves_no_hook() -> None:
    with ActivationRecorder(MODEL, [Point("layer"), Point("layer", "input"), Point("other", "input")]) as listener:
        assert hooks(MODEL) == 3
        MODEL(torch.zeros(3, 2))
        MODEL(X)
        twice, before, after = listener.features
    once = MODEL.layer(X)
    torch.testing.assert_close(before, once)
    torch.testing.assert_close(twice, MODEL.layer(once))
    torch.testing.assert_close(after, twice)
    assert hooks(MODEL) == 0


def test_hooks_go_when_something_fails() -> None:
    def fail() -> None:
        with ActivationRecorder(MODEL, [Point("layer")]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert hooks(MODEL) == 0


def test_a_module_that_is_not_there_leaves_no_hook() -> None:
    with pytest.raises(AttributeError):
        ActivationRecorder(MODEL, [Point("layer"), Point("nowhere")])
    assert hooks(MODEL) == 0


@pytest.mark.parametrize(
    ("point", "told"),
    [
        (Point("spare"), "the output of module 'spare' is no tensor, but nothing: it is not called"),
        (Point("pair"), "the output of module 'pair' is no tensor, but tuple"),
    ],
    ids=["not called", "a pair"],
)
def test_what_is_no_tensor_is_told(point: Point, told: str) -> None:
    with ActivationRecorder(MODEL, [point]) as listener:
        MODEL(X)
        with pytest.raises(TrialFailed, match=re.escape(told)):
            listener.features  # noqa: B018
