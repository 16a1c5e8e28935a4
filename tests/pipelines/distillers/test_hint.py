import pytest
import torch
from torch import Tensor

from pipelines.distillers import FEATURES, Signals

HINT = FEATURES["hint"]
OUTPUTS = torch.zeros(2, 3)


def loss(own: Tensor, shown: Tensor) -> Tensor:
    student, teacher = Signals(OUTPUTS, (own,)), Signals(OUTPUTS, (shown,))
    return HINT.loss(student, teacher, {"beta": 1})(student, teacher)


def test_two_vectors_by_hand() -> None:
    # Differences 0, 2, 0, 2 under the identity: the mean of their squares is 2.
    own, shown = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [3.0, 2.0]])
    assert loss(own, shown).item() == 2


def test_two_maps_by_hand() -> None:
    # Two examples of 2 × 2 positions, with means 2.5 and 0; the teacher has one position, with 2 and 1.
    own = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]], [[[1.0, -1.0], [1.0, -1.0]]]])
    shown = torch.tensor([[[[2.0]]], [[[1.0]]]])
    assert loss(own, shown).item() == pytest.approx((0.5**2 + 1**2) / 2)
    assert loss(shown, own).item() == pytest.approx((0.5**2 + 1**2) / 2)


def test_points_count_alike() -> None:
    one, other = torch.ones(2, 4), torch.zeros(2, 2, 4)
    student = Signals(OUTPUTS, (one, other))
    teacher = Signals(OUTPUTS, (one, other + 2))
    assert HINT.loss(student, teacher, {"beta": 1})(student, teacher).item() == 2


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5), (2, 5, 4, 4)], ids=["vectors", "tokens", "maps"])
def test_a_projection_between_widths_is_learned(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    own, shown = torch.randn(shape), torch.randn(tuple(7 if n == 5 else n for n in shape))
    student, teacher = Signals(OUTPUTS, (own,)), Signals(OUTPUTS, (shown,))
    loss = HINT.loss(student, teacher, {"beta": 1})
    assert sum(p.numel() for p in loss.parameters()) == 5 * 7 + 7
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
    before = loss(student, teacher)
    for _ in range(20):
        optimizer.zero_grad()
        loss(student, teacher).backward()
        optimizer.step()
    assert loss(student, teacher) < 0.8 * before


@pytest.mark.parametrize(
    ("own", "shown", "problem"),
    [
        (
            (1, 5),
            (1, 5, 2, 2),
            "the student's features are (1, 5) and the teacher's (1, 5, 2, 2); both must be vectors (N, C), "
            "tokens (N, tokens, C) or maps (N, C, H, W)",
        ),
        (
            (1, 4, 8),
            (1, 5, 8),
            "the student's features are (1, 4, 8) and the teacher's (1, 5, 8): they have different numbers of tokens",
        ),
        ((1, 4, 2, 2), (1, 8, 3, 3), None),
    ],
    ids=["kinds", "tokens", "sizes of maps"],
)
def test_what_does_not_compare_is_told(own: tuple[int, ...], shown: tuple[int, ...], problem: str | None) -> None:
    signals = [Signals(OUTPUTS, (torch.zeros(shape),)) for shape in (own, shown)]
    assert HINT.problem(*signals) == problem
