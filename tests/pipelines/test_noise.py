import math

import numpy as np
import pytest

from pipelines.noise import noise_share


@pytest.mark.parametrize(
    ("found", "share"),
    [([1.0, -1.0], 0.0), ([1.1, -1.0], 0.005), ([2.0, -2.0], 1.0), ([0.0, 0.0], 1.0), ([math.nan, 0.0], math.inf)],
    ids=["the same", "a little", "twice", "nothing", "no number"],
)
def test_noise_is_a_share_of_the_power_of_what_is_expected(found: list[float], share: float) -> None:
    assert noise_share(np.array(found), np.array([1.0, -1.0])) == pytest.approx(share)


def test_noise_over_silence_is_its_own_power() -> None:
    assert noise_share(np.array([2.0]), np.array([0.0])) == 4.0
