from dataclasses import replace

import numpy as np
import pytest

from search.errors import SweepError
from search.front import pareto_front
from search.objective import Constraint, Objective
from search.pick import knee, pick

OBJECTIVES = (Objective("accuracy", "maximize"), Objective("latency_ms", "minimize"), Objective("size_mb", "minimize"))


@pytest.fixture
def front(make_trial):
    rows = [(0.99, 4, 2.0), (0.98, 1.5, 1.8), (0.60, 1, 1.0)]
    return pareto_front([make_trial(number, row) for number, row in enumerate(rows)], OBJECTIVES)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([[0, 10], [1, 1], [10, 0]], 1),
        ([[0, 10], [9, 9], [10, 0]], 0),  # scaled: (0, 1), (.9, .9), (1, 0)
        ([[0, 1000], [0.1, 200], [1, 0]], 1),  # the scale of an objective does not matter
        ([[3, 3]], 0),
        ([[1, 5], [1, 5]], 0),
        ([[2, 7, 0], [2, 7, -1]], 1),
    ],
)
def test_the_knee_is_the_point_nearest_to_the_ideal(points, expected) -> None:
    assert knee(np.array(points, dtype=float)) == expected


def test_by_default_the_knee_is_picked_and_the_reason_says_so(front) -> None:
    choice = pick(front)
    assert choice.trial.number == 1
    assert choice.reason == "the knee of 3 of 3 front members"


def test_the_best_by_a_metric_within_constraints(front) -> None:
    choice = pick(front, [Constraint("accuracy", ">=", 0.97)], Objective("latency_ms", "minimize"))
    assert choice.trial.number == 1
    assert choice.reason == (
        "the least latency_ms of 2 of 3 front members with accuracy >= 0.97; next comes trial 0 with latency_ms 4"
    )
    assert pick(front, [], Objective("accuracy", "maximize")).trial.number == 0


def test_the_only_one_left_has_no_second(front) -> None:
    choice = pick(front, [Constraint("latency_ms", "<", 1.5)], Objective("size_mb", "minimize"))
    assert choice.trial.number == 2
    assert "next" not in choice.reason


def test_nothing_feasible_says_how_far_each_constraint_is(front) -> None:
    with pytest.raises(SweepError) as told:
        pick(front, [Constraint("accuracy", ">=", 0.97), Constraint("latency_ms", "<=", 1.2)])
    assert str(told.value) == (
        "no member of the front keeps every constraint; of 3 members, "
        "accuracy >= 0.97 is kept by 2 (nearest: 0.99, trial 0); latency_ms <= 1.2 is kept by 1 (nearest: 1, trial 2)"
    )


def test_an_empty_front_says_so(make_trial) -> None:
    with pytest.raises(SweepError, match="the front is empty"):
        pick(pareto_front([make_trial(0)], OBJECTIVES))


@pytest.fixture
def without_energy(make_trial):
    trial = make_trial(0, (0.9, 1, 1))
    facts = {"energy_mj": "not available: this machine shows no energy counters"}
    return pareto_front([replace(trial, result=replace(trial.result, facts=facts))], OBJECTIVES)


def test_a_number_that_was_not_measured_cannot_decide(without_energy) -> None:
    message = "no member of the front has energy_mj: not available: this machine shows no energy counters"
    with pytest.raises(SweepError, match=message):
        pick(without_energy, best=Objective("energy_mj", "minimize"))


def test_a_number_that_was_not_measured_keeps_no_constraint(without_energy) -> None:
    message = "energy_mj <= 3 is kept by none: not available: this machine shows no energy counters"
    with pytest.raises(SweepError, match=message):
        pick(without_energy, [Constraint("energy_mj", "<=", 3)])


def test_who_was_not_measured_comes_last(make_trial) -> None:
    with_energy = make_trial(1, (0.8, 0.5, 1))
    metrics = {**with_energy.metrics, "energy_mj": 2.0}
    trials = [make_trial(0, (0.9, 1, 1)), replace(with_energy, result=replace(with_energy.result, metrics=metrics))]
    choice = pick(pareto_front(trials, OBJECTIVES), best=Objective("energy_mj", "minimize"))
    assert choice.trial.number == 1
    assert choice.reason == "the least energy_mj of 2 of 2 front members"
