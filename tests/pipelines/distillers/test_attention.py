import pytest
import torch
from torch import Tensor

from pipelines.distillers import FEATURES, Signals

ATTENTION = FEATURES["attention"]
OUTPUTS = torch.zeros(2, 3)


def loss(own: Tensor, shown: Tensor) -> Tensor:
    student, teacher = Signals(OUTPUTS, (own,)), Signals(OUTPUTS, (shown,))
    return ATTENTION.loss(student, teacher, {"beta": 1})(student, teacher)


def test_two_maps_by_hand() -> None:
    # One channel, two positions: squares (3, 4) are (0.6, 0.8) at length 1, squares (1, 0) stay.
    own = torch.tensor([[[[3.0, 4.0]]], [[[5.0, 0.0]]]]).sqrt()
    shown = torch.tensor([[[[-1.0, 0.0]]], [[[7.0, 0.0]]]])
    assert loss(own, shown).item() == pytest.approx(((0.4**2 + 0.8**2) + 0) / 2)


def test_channels_are_averaged_and_their_number_does_not_matter() -> None:
    own = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # each position is strong in one of two channels
    shown = torch.ones(1, 5, 1, 2)
    assert loss(own, shown).item() == pytest.approx(0, abs=1e-7)


def test_tokens_by_hand() -> None:
    own = torch.tensor([[[3.0, 0.0], [0.0, 4.0]]]).sqrt()  # (1 example, 2 tokens, 2 channels)
    shown = torch.tensor([[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]])
    assert loss(own, shown).item() == pytest.approx(0.4**2 + 0.8**2)


def test_the_larger_map_is_averaged_down() -> None:
    own = torch.tensor([[[[3.0, 3.0, 4.0, 4.0]]]]).sqrt()
    shown = torch.tensor([[[[1.0, 0.0]]]])
    assert loss(own, shown).item() == pytest.approx(0.4**2 + 0.8**2)
    assert loss(shown, own).item() == pytest.approx(0.4**2 + 0.8**2)


@pytest.mark.parametrize(
    ("own", "shown", "problem"),
    [
        ((1, 5), (1, 5), "; both must be maps (N, C, H, W) or tokens (N, tokens, C)"),
        ((1, 5, 2, 2), (1, 4, 5), "; both must be maps (N, C, H, W) or tokens (N, tokens, C)"),
        ((1, 4, 8), (1, 5, 8), ": they have different numbers of tokens"),
        ((1, 4, 2, 2), (1, 8, 1, 1), ": attention on a single position says nothing"),
        ((1, 4, 2, 2), (1, 8, 3, 3), None),
    ],
    ids=["vectors", "kinds", "tokens", "one position", "sizes of maps"],
)
def test_what_does_not_compare_is_told(own: tuple[int, ...], shown: tuple[int, ...], problem: str | None) -> None:
    signals = [Signals(OUTPUTS, (torch.zeros(shape),)) for shape in (own, shown)]
    told = ATTENTION.problem(*signals)
    assert told == (problem and f"the student's features are {own} and the teacher's {shown}{problem}")
