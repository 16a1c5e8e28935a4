import math

import pytest
import torch
from torch import Tensor

from pipelines.distillers import FEATURES, Signals

RELATIONAL = FEATURES["relational"]


def loss(own: Tensor, shown: Tensor) -> Tensor:
    student, teacher = (Signals(torch.zeros(len(own), 2), (x,)) for x in (own, shown))
    return RELATIONAL.loss(student, teacher, {"beta": 1})(student, teacher)


LINE = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
UNEVEN = torch.tensor([[0.0], [1.0], [3.0]])
CORNER = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("count", [1, 2])
def test_two_examples_have_one_distance_which_is_the_usual_one(count: int) -> None:
    assert loss(torch.tensor([[1.0], [5.0]])[:count], torch.tensor([[0.0, 3.0], [1.0, 1.0]])[:count]).item() == 0


def test_distances_by_hand() -> None:
    # In units of their means, the distances are 0.5, 1.5, 1 and 0.75, 1.5, 0.75. On a line all angles agree.
    assert loss(UNEVEN, LINE).item() == pytest.approx((0.25**2 / 2 + 0 + 0.25**2 / 2) / 3, rel=1e-4)


def test_distances_and_angles_by_hand() -> None:
    mean, root = (2 + math.sqrt(2)) / 3, math.sqrt(0.5)
    apart = [1 / mean - 0.75, 1 / mean - 1.5, math.sqrt(2) / mean - 0.75]
    # Cosines at the three corners: 0, √½, √½ against 1, -1, 1 on the line. Huber: the second is larger than 1.
    angles = [1 / 2, (1 + root) - 0.5, (1 - root) ** 2 / 2]
    expected = sum(x * x / 2 for x in apart) / 3 + 2 * sum(angles) / 3
    assert loss(CORNER, LINE).item() == pytest.approx(expected, rel=1e-4)


def test_moving_scaling_and_turning_change_nothing() -> None:
    shown = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))
    assert loss(3 * shown @ turn + 100, shown).item() == pytest.approx(0, abs=1e-6)


def test_scalar_products_are_enough() -> None:
    """The same numbers as from the vectors between examples themselves, in double precision."""
    x = torch.randn(7, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.randn(7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def relations(features: Tensor) -> tuple[Tensor, Tensor]:
        between = features.flatten(1)[:, None] - features.flatten(1)[None]
        lengths = between.norm(dim=2)
        distances = lengths[~torch.eye(7, dtype=torch.bool)]
        unit = between / lengths.clamp(min=1e-9)[:, :, None]
        triples = [(i, j, k) for j in range(7) for i in range(7) for k in range(7) if len({i, j, k}) == 3]
        return distances / distances.mean(), torch.stack([unit[i, j] @ unit[k, j] for i, j, k in triples])

    huber = torch.nn.functional.smooth_l1_loss
    (d, a), (e, b) = relations(x), relations(y)
    torch.testing.assert_close(loss(x, y), huber(d, e) + 2 * huber(a, b))
