import pytest

from search.config.objective import Constraint
from search.selection.conflict import conflicts, explain


@pytest.fixture
def trials(make_trial):
    rows = [(0.99, 4, 2.0), (0.98, 1.5, 1.8), (0.60, 1, 1.0)]
    return [make_trial(number, row) for number, row in enumerate(rows)]


def bounds(*texts):
    return [Constraint.parse(text) for text in texts]


def test_a_bound_that_excludes_all_is_named_alone_with_how_far_the_nearest_is(trials) -> None:
    constraints = bounds("accuracy>=0.97", "latency_ms<=0.5", "size_mb<0.75")
    assert conflicts(trials, constraints) == [(constraints[1],), (constraints[2],)]
    assert explain(trials, constraints) == (
        "no member of the front keeps every constraint; of 3 members: "
        "latency_ms <= 0.5 alone excludes all (nearest: trial 2 with latency_ms 1, 0.5 too much); "
        "size_mb < 0.75 alone excludes all (nearest: trial 2 with size_mb 1, 0.25 too much)"
    )


def test_a_pair_that_excludes_all_is_named_with_how_far_each_is_within_the_other(trials) -> None:
    constraints = bounds("accuracy>=0.97", "latency_ms<=1.25", "size_mb<=3")
    assert conflicts(trials, constraints) == [(constraints[0], constraints[1])]
    assert explain(trials, constraints) == (
        "no member of the front keeps every constraint; of 3 members: accuracy >= 0.97 is kept by 2, "
        "latency_ms <= 1.25 is kept by 1, both together by none (with latency_ms <= 1.25, nearest: trial 2 with "
        "accuracy 0.6, 0.37 too little; "
        "with accuracy >= 0.97, nearest: trial 1 with latency_ms 1.5, 0.25 too much)"
    )


def test_three_may_exclude_all_though_no_pair_does(make_trial) -> None:
    trials = [make_trial(0, (0.9, 1, 3)), make_trial(1, (0.9, 3, 1)), make_trial(2, (0.5, 1, 1))]
    constraints = bounds("accuracy>=0.8", "latency_ms<=2", "size_mb<=2", "latency_ms<=9")
    assert conflicts(trials, constraints) == [tuple(constraints[:3])]
    assert "all together by none (with latency_ms <= 2 and size_mb <= 2, nearest: trial 2 with accuracy 0.5" in (
        explain(trials, constraints)
    )


def test_a_strict_bound_may_be_missed_by_nothing(trials) -> None:
    assert "(nearest: trial 2 with latency_ms 1, at the bound)" in explain(trials, bounds("latency_ms<1"))


def test_the_same_bound_twice_is_one(trials) -> None:
    once = bounds("accuracy>=0.97", "latency_ms<=1.2")
    assert conflicts(trials, [*once, *once]) == [tuple(once)]


def test_what_was_not_measured_is_told_so(trials) -> None:
    told = explain(trials, bounds("energy_mj<=3"))
    assert told.endswith("energy_mj <= 3 alone excludes all (energy_mj is not there: it was not measured)")
