import numpy as np
import pytest

from pipelines.bench.estimate import OWN, WALL, contention, estimate, quiet
from pipelines.runtimes import Target


def times(own: np.ndarray, wall: np.ndarray | None = None) -> np.ndarray:
    """Times of a session from its own ones, shape (rounds, calls), and those on the wall, the same if None."""
    return np.stack([own, own if wall is None else wall], axis=-1)


def test_the_low_quantile_and_its_quotient() -> None:
    # 0.1 … 10.0: a tenth lies below 1.09.
    own = np.arange(1, 101).reshape(25, 4) / 10
    found = estimate([times(own), times(own * 4)], OWN)
    np.testing.assert_allclose(found.values, [1.09, 0.25])


def test_the_clock_is_the_one_asked_for() -> None:
    own = np.full((25, 2), 2.0)
    assert estimate([times(own, own * 3)], OWN).values[0] == 2.0
    assert estimate([times(own, own * 3)], WALL).values[0] == 6.0


def test_outliers_do_not_move_it() -> None:
    clean = np.full((30, 5), 2.0)
    dirty = clean.copy()
    dirty[::3] *= 40  # ten of thirty rounds in which something else ran
    found = estimate([times(dirty), times(clean)], OWN)
    assert found.values.tolist() == [2.0, 1.0]
    assert found.half_width < 0.001


def test_what_slows_both_down_cancels_in_the_quotient_only() -> None:
    noise = np.random.default_rng(0)
    shared = noise.uniform(1, 1.5, (40, 1)) * np.ones((40, 3))
    found = estimate([times(shared * 3), times(shared * 2)], OWN)
    assert found.values[1] == pytest.approx(1.5)
    assert np.ptp(found.intervals[1]) < 1e-9
    assert np.ptp(found.intervals[0]) > 0.01


def test_calls_may_differ_between_sessions() -> None:
    found = estimate([times(np.full((25, 20), 1.0)), times(np.full((25, 1), 4.0)), times(np.full((25, 7), 2.0))], OWN)
    assert found.values.tolist() == [1.0, 0.25, 0.5]
    assert found.intervals.shape == (3, 2)


def test_intervals_hold_the_truth_as_often_as_they_promise() -> None:
    # Calls of one round share its noise, so that rounds and not calls are what there are 30 of. With a true coverage of
    # 90 % fewer than 160 of 200 intervals would hold the truth once in 100,000 seeds; intervals over calls hold it
    # about half the time.
    rng, truth = np.random.default_rng(7), np.log(2.0)
    held = 0
    for _ in range(200):
        own, other = (np.exp(rng.normal(0, 0.1, (30, 1)) + rng.normal(0, 0.02, (30, 5))) for _ in range(2))
        low, high = estimate([times(2 * own), times(other)], OWN, resamples=300).intervals[1]
        held += low <= np.exp(truth) <= high
    assert held >= 160


def test_the_half_width_is_that_of_the_widest_interval() -> None:
    own = np.array([[1.0], [1.0], [3.0], [3.0]])
    found = estimate([times(own), times(np.ones((4, 1)))], OWN)
    assert found.half_width == pytest.approx((np.ptp(found.intervals, axis=1) / 2 / found.values).max())


def test_a_round_that_others_cut_into_takes_longer_on_the_wall() -> None:
    own = np.full((3, 4), 1.0)
    wall = own * [[1.0], [1.05], [1.0]]
    wall[2, 1] = 3.0
    runs = [times(own, wall), times(own)]
    np.testing.assert_allclose(contention(runs), [1.0, 1.025, 1.25])
    assert quiet(runs, Target()).tolist() == [True, True, False]
    assert quiet(runs, Target(threads=4)).tolist() == [True, True, True]
