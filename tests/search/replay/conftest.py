import pytest

from search.replay import surrogate
from search.study.saved import Sweep
from tests.search.replay.worlds import small_sweep


@pytest.fixture(autouse=True)
def small_forests(monkeypatch) -> None:
    """Growing trees is what takes the time here, and a few show what many do."""
    monkeypatch.setattr(surrogate, "TREES", 20)


@pytest.fixture(scope="session")
def sweep(config, analytic) -> Sweep:
    return small_sweep(config, analytic)
