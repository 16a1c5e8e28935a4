from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from search.config.objective import Constraint, Objective
from search.study.front import nondominated, pareto_front
from search.study.trial import Trial
from spaces import Recipe
from tests.search.results import complete

COORDINATE = st.one_of(st.integers(-3, 3).map(float), st.floats(-10, 10), st.just(float("nan")))
POINTS = st.tuples(st.integers(0, 12), st.integers(1, 4)).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=COORDINATE)
)
OBJECTIVES = (
    Objective("accuracy", "maximize"),
    Objective("latency_ms", "minimize"),
    Objective("size_mb", "minimize"),
)


def brute_force(points: np.ndarray) -> list[bool]:
    known = [point for point in points if not np.isnan(point).any()]
    return [
        not np.isnan(point).any() and not any((other <= point).all() and (other < point).any() for other in known)
        for point in points
    ]


@given(POINTS)
@settings(deadline=None)
def test_nondominated_agrees_with_the_definition(points) -> None:
    assert nondominated(points).tolist() == brute_force(points)


def test_equal_points_are_all_kept_and_a_nan_is_not() -> None:
    points = np.array([[1.0, 2.0], [1.0, 2.0], [np.nan, 0.0], [2.0, 2.0]])
    assert nondominated(points).tolist() == [True, True, False, False]


def test_no_points_and_only_nans() -> None:
    assert nondominated(np.empty((0, 3))).tolist() == []
    assert nondominated(np.full((2, 3), np.nan)).tolist() == [False, False]


def test_the_front_is_in_the_order_of_the_first_objective(make_trial) -> None:
    trials = [
        make_trial(0, (0.90, 4, 4)),
        make_trial(1, (0.80, 1, 1)),
        make_trial(2, (0.95, 5, 5)),
        make_trial(3, (0.79, 1, 1)),
        make_trial(4, (0.80, 1, 1)),
    ]
    front = pareto_front(trials, OBJECTIVES)
    assert [trial.number for trial in front.members] == [2, 0, 1, 4]
    assert 4 in front
    assert 3 not in front


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(0, 3).map(float)))
@settings(deadline=None, max_examples=50)
def test_a_front_that_trials_join_one_by_one_is_the_front_of_all(rows) -> None:
    names, bound = [o.name for o in OBJECTIVES], [Constraint.parse("accuracy>=1")]
    trials = [
        Trial(number, Recipe(), {}, "", 0.0, complete(number, 0.0, 1.0, dict(zip(names, row.tolist(), strict=True))))
        for number, row in enumerate(rows)
    ]
    front = pareto_front([], OBJECTIVES, bound)
    for count, trial in enumerate(trials, start=1):
        front = front.joined(trial, bound)
        whole = pareto_front(trials[:count], OBJECTIVES, bound)
        assert front.members == whole.members
        assert front.losses.tolist() == whole.losses.tolist()


def test_failed_and_running_trials_and_those_that_break_a_constraint_are_passed_over(make_trial) -> None:
    trials = [make_trial(0, (0.9, 4, 4)), make_trial(1, (0.5, 1, 1)), make_trial(2, reason="bad"), make_trial(3)]
    assert [t.number for t in pareto_front(trials, OBJECTIVES, [Constraint("accuracy", ">=", 0.9)]).members] == [0]
    assert pareto_front(trials, OBJECTIVES, [Constraint("accuracy", ">", 0.9)]).members == ()
    assert [t.number for t in pareto_front(trials, OBJECTIVES).members] == [0, 1]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The baseline alone: (1 - 0) of accuracy times 0.1 of 1.1 in each cost.
        ([(0.8, 10, 2)], (0.1 / 1.1) ** 2),
        # The baseline's accuracy at no cost is the ideal.
        ([(0.8, 10, 2), (0.8, 0, 0)], 1.0),
        # Half the accuracy at half of each cost, beside the baseline: two boxes less what they share.
        ([(0.8, 10, 2), (0.4, 5, 1)], (0.1**2 + 0.5 * 0.6**2 - 0.5 * 0.1**2) / 1.1**2),
        # Beyond the reference point counts for nothing.
        ([(0.8, 10, 2), (0.9, 11.5, 2)], (0.1 / 1.1) ** 2),
    ],
)
def test_hypervolume_of_cases_computed_by_hand(make_trial, rows, expected) -> None:
    trials = [make_trial(number, row) for number, row in enumerate(rows)]
    assert pareto_front(trials, OBJECTIVES).hypervolume(trials[0]) == pytest.approx(expected)


def test_hypervolume_without_a_baseline_or_without_members_is_zero(make_trial) -> None:
    trials = [make_trial(0, reason="bad"), make_trial(1, (0.9, 1, 1))]
    assert pareto_front(trials, OBJECTIVES).hypervolume(None) == 0
    assert pareto_front(trials, OBJECTIVES).hypervolume(trials[0]) == 0
    assert pareto_front(trials[:1], OBJECTIVES).hypervolume(trials[1]) == 0


def test_hypervolume_of_one_objective_is_a_length(make_trial) -> None:
    trials = [make_trial(0, (0.8, 10, 2)), make_trial(1, (0.8, 4, 2))]
    front = pareto_front(trials, OBJECTIVES[1:2])
    assert front.hypervolume(trials[0]) == pytest.approx((1.1 - 0.4) / 1.1)


def test_hypervolume_bears_a_baseline_that_measures_zero(make_trial) -> None:
    trials = [make_trial(0, (0.0, 10, 2)), make_trial(1, (0.5, 5, 1))]
    assert pareto_front(trials, OBJECTIVES).hypervolume(trials[0]) == pytest.approx(0.5 * (0.6 / 1.1) ** 2)


@given(st.lists(st.tuples(*[st.floats(0.01, 2)] * 3), min_size=2, max_size=8))
@settings(deadline=None)
def test_hypervolume_never_falls_when_a_trial_is_added(rows) -> None:
    trials = []
    for number, row in enumerate(rows):
        trials.append(_trial(number, row))
    volumes = [pareto_front(trials[:count], OBJECTIVES).hypervolume(trials[0]) for count in range(1, len(trials) + 1)]
    assert all(after >= before - 1e-12 for before, after in pairwise(volumes))


def _trial(number: int, row: tuple[float, float, float]):
    from search.study.trial import Trial
    from spaces import Recipe

    metrics = dict(zip((o.name for o in OBJECTIVES), row, strict=True))
    trial = Trial(number, Recipe(), {}, "teacher", 0.0)
    return replace(trial, result=complete(number, 0.0, 1.0, metrics))


@pytest.mark.parametrize(
    ("count", "kept"),
    [(1, [0]), (2, [0, 4]), (3, [0, 3, 6]), (4, [0, 2, 4, 6]), (6, [0, 2, 4, 6]), (7, [*range(7)]), (9, [*range(7)])],
)
def test_a_front_of_seven_is_thinned_all_along_it(make_trial, count, kept) -> None:
    trials = [make_trial(number, (1 - number / 10, 10.0 - number, 1.0)) for number in range(7)]
    front = pareto_front(trials, OBJECTIVES)
    assert [trial.number for trial in front.members] == [*range(7)]
    assert [trial.number for trial in front.thinned(count).members] == kept
    assert front.thinned(count).objectives == front.objectives


def test_an_empty_front_stays_empty_when_it_is_thinned() -> None:
    assert pareto_front([], OBJECTIVES).thinned(3).members == ()
