import math

import numpy as np
import pytest

from search.analysis.pareto_probability import NEAR, pareto_probability
from search.config.objective import Constraint, Objective
from search.study.front import pareto_front
from tests.search.results import measured

ACCURACY, LATENCY = Objective("accuracy", "maximize"), Objective("latency_ms", "minimize")
BOTH = [ACCURACY, LATENCY]


@pytest.fixture
def trial(make_trial):
    """A trial of the given accuracy and latency, each a value or (low, value, high)."""

    def make(number: int, accuracy, latency=1.0):
        given = {"accuracy": accuracy, "latency_ms": latency, "size_mb": 1.0}
        values = [x[1] if isinstance(x, tuple) else x for x in given.values()]
        intervals = {name: (x[0], x[2]) for name, x in given.items() if isinstance(x, tuple)}
        made = make_trial(number, tuple(values))
        return measured(made, intervals=intervals)

    return make


def test_two_equal_ones_have_even_chances(trial) -> None:
    found = pareto_probability([trial(n, (0.88, 0.90, 0.92)) for n in range(2)], [ACCURACY])
    assert found[0] + found[1] == pytest.approx(1)
    assert found[0] == pytest.approx(0.5, abs=0.04)


def test_far_apart_is_sure(trial) -> None:
    found = pareto_probability([trial(0, (0.88, 0.90, 0.92)), trial(1, (0.48, 0.50, 0.52))], [ACCURACY])
    assert found.chances == {0: 1.0}
    assert found[1] == 0


@pytest.mark.parametrize("gap", [0.5, 1.0, 2.0])
def test_the_chance_is_that_of_the_difference_of_two_normal_variables(trial, gap: float) -> None:
    """Both with standard deviation 0.01: the difference has √2 times that."""
    half = 0.01 * 1.959964
    best, second = 0.9, 0.9 - gap * 0.01
    trials = [trial(n, (x - half, x, x + half)) for n, x in enumerate((best, second))]
    expected = 0.5 * (1 + math.erf(gap / math.sqrt(2) / math.sqrt(2)))
    assert pareto_probability(trials, [ACCURACY], samples=20_000)[0] == pytest.approx(expected, abs=0.01)


def test_three_equal_ones_share_the_chances(trial) -> None:
    found = pareto_probability([trial(n, (0.8, 0.9, 1.0)) for n in range(3)], [ACCURACY], samples=6000)
    assert [found[n] for n in range(3)] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_an_interval_may_be_lopsided(trial) -> None:
    """The one can only be as measured or better, the other is exact and equal: it is beaten every time or half."""
    found = pareto_probability([trial(0, (0.9, 0.9, 0.95)), trial(1, 0.9)], [ACCURACY], samples=4000)
    assert found[0] == 1
    assert found[1] == pytest.approx(0.5, abs=0.03)


def test_exact_numbers_give_the_front_itself(trial) -> None:
    trials = [trial(0, 0.9, 2.0), trial(1, 0.8, 1.0), trial(2, 0.8, 3.0), trial(3, 0.9, 2.0)]
    assert pareto_probability(trials, BOTH).chances == {0: 1.0, 1: 1.0, 3: 1.0}


def test_a_near_member_is_no_member_and_has_a_chance(trial) -> None:
    trials = [trial(0, 0.9, (1.9, 2.0, 2.1)), trial(1, 0.9, (1.95, 2.05, 2.15)), trial(2, 0.9, (2.9, 3.0, 3.1))]
    found = pareto_probability(trials, BOTH)
    assert [near.number for near in found.near(trials, pareto_front(trials, BOTH))] == [1]
    assert NEAR < found[1] < 0.5 < found[0]


def test_a_constraint_that_may_be_broken_takes_its_share(trial) -> None:
    """The fast one keeps the bound in half of the draws; the slow one is needed in the other half only."""
    trials = [trial(0, (0.88, 0.90, 0.92), 1.0), trial(1, 0.9, 2.0)]
    found = pareto_probability(trials, [LATENCY], [Constraint("accuracy", ">=", 0.9)], samples=4000)
    assert found[0] == pytest.approx(0.5, abs=0.03)
    assert found[1] == pytest.approx(0.5, abs=0.03)


def test_trials_that_are_not_complete_are_passed_over(trial, make_trial) -> None:
    assert pareto_probability([make_trial(0), make_trial(1, None, "bad")], BOTH).chances == {}
    assert pareto_probability([], BOTH).chances == {}
    assert pareto_probability([trial(0, 0.9), make_trial(1)], BOTH).chances == {0: 1.0}


def test_passing_over_the_hopeless_changes_nothing(trial, monkeypatch) -> None:
    random = np.random.default_rng(3)
    trials = []
    for number in range(60):
        accuracy, latency = random.uniform(0.5, 1), random.uniform(1, 4)
        spread = random.uniform(0, 0.05)
        trials.append(
            trial(number, (accuracy - spread, accuracy, accuracy + spread), (latency * 0.97, latency, latency * 1.03))
        )
    constraints = [Constraint("accuracy", ">=", 0.6)]
    found = pareto_probability(trials, BOTH, constraints, samples=3000)
    monkeypatch.setattr("search.analysis.pareto_probability._hopeful", lambda ends, *_: np.ones(len(ends), dtype=bool))
    plain = pareto_probability(trials, BOTH, constraints, samples=3000)
    for number in range(60):
        assert found[number] == pytest.approx(plain[number], abs=0.04)


def test_the_same_question_has_the_same_answer(trial) -> None:
    trials = [trial(n, (0.88, 0.90, 0.92)) for n in range(3)]
    assert pareto_probability(trials, [ACCURACY]) == pareto_probability(trials, [ACCURACY])
