import pytest

from pipelines.training.epoch_budget import EpochBudget


@pytest.mark.parametrize(
    ("share", "total", "epochs"),
    [(0, 5, 0), (1, 5, 5), (0.5, 5, 3), (1 / 3, 3, 1), (0.1, 30, 3), (0.01, 3, 1), (0.5, 0, 0)],
)
def test_a_part_of_the_epochs_is_rounded_up(share: float, total: int, epochs: int) -> None:
    extent = EpochBudget.part(share, total)
    assert (extent.epochs, extent.total) == (epochs, total)
    assert extent.is_whole is (epochs == total)
