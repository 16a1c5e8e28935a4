from dataclasses import replace

import pytest

from pipelines.lease import Lease


@pytest.mark.parametrize(
    ("fidelity", "epochs"), [(1.0, 10), (0.35, 4), (0.3, 3), (0.0, 0)], ids=["all", "rounded up", "a part", "none"]
)
def test_a_training_is_run_for_a_share_of_its_epochs(context, fidelity: float, epochs: int) -> None:
    budget = replace(context, fidelity=fidelity).extent(10)
    assert (budget.epochs, budget.is_whole) == (epochs, fidelity == 1)


def test_who_waits_for_the_device_is_no_part_of_what_is_shared(context, tmp_path) -> None:
    assert replace(context, lease=Lease(folder=tmp_path)) == context
    assert replace(context, seed=7) != context
