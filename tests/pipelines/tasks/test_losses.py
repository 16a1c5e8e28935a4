import math

import pytest
import torch
from torch import Tensor

from pipelines.tasks.losses import LOSSES, shifted, top1
from pipelines.tasks.reading import IGNORED, Reading

X, ZERO = torch.tensor([[1.0, -3.0]]), torch.zeros(1, 2)


@pytest.mark.parametrize(
    ("name", "loss", "score"),
    [("mse", (1 + 9) / 2, -2.0), ("mae", (1 + 3) / 2, -2.0), ("huber", (0.5 + 2.5) / 2, -2.0)],
)
def test_numbers_are_scored_by_their_distance(name: str, loss: float, score: float) -> None:
    named = LOSSES[name]
    assert named.function(X, ZERO, Reading("numbers")).item() == pytest.approx(loss)
    assert named.each(X, ZERO, Reading("numbers")).tolist() == [score]


def test_labels_that_do_not_count_are_left_out() -> None:
    named, targets = LOSSES["binary-cross-entropy"], torch.tensor([[1, IGNORED]])
    loss = named.function(torch.tensor([[0.0, 50.0]]), targets, Reading("labels"))
    assert loss.item() == pytest.approx(math.log(2))
    assert named.each(torch.tensor([[1.0, 50.0]]), targets, Reading("labels")).tolist() == [1.0]


@pytest.mark.parametrize(
    ("targets", "shares"),
    [([[0, 1]], [0.5]), ([[0, IGNORED]], [1.0]), ([[IGNORED, IGNORED]], [])],
    ids=["both count", "one counts", "none counts"],
)
def test_an_example_is_right_by_the_share_of_its_positions(targets: list[list[int]], shares: list[float]) -> None:
    outputs: Tensor = torch.tensor([[[9.0, 9.0], [0.0, 0.0]]])  # (N, classes, positions)
    assert top1(outputs, torch.tensor(targets)).tolist() == shares


def test_a_token_is_told_by_what_comes_before_it() -> None:
    outputs, tokens = 99.0 * torch.eye(4)[None, [1, 2, 0]], torch.tensor([[3, 1, 2]])
    assert shifted(outputs, tokens)[1].tolist() == [[1, 2]]
    named = LOSSES["next-token"]
    assert named.function(outputs, tokens, Reading()).item() == pytest.approx(0)
    assert named.each(outputs, tokens, Reading()).tolist() == [1.0]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8, torch.bool], ids=str)
@pytest.mark.parametrize(("name", "shape"), [("cross-entropy", (6, 2)), ("next-token", (2, 3, 2))])
def test_labels_are_of_whatever_whole_type(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    loss, reading = LOSSES[name], Reading("classes", LOSSES[name].dim)
    outputs, targets = torch.randn(shape), torch.tensor([0, 1, 1, 0, 1, 0]).view(shape[:-1])
    assert loss.function(outputs, targets.to(dtype), reading) == loss.function(outputs, targets, reading)
    assert torch.equal(loss.each(outputs, targets.to(dtype), reading), loss.each(outputs, targets, reading))
