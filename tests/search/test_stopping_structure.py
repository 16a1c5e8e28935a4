import pytest

from search.objective import Constraint, Objective
from search.rung import Rung
from search.stopping_structure import broken, dominator, may_dominate, violations
from search.trial import Result, Trial
from spaces import Recipe

SMALL, FAST = Objective("size_mb", "minimize"), Objective("latency_ms", "minimize")
ACCURATE = Objective("accuracy", "maximize")


def member(number: int, intervals=None, **metrics: float) -> Trial:
    return Trial(number, Recipe(), {}, f"m{number}", 0.0, Result(number, 0.0, 1.0, metrics, intervals or {}))


@pytest.mark.parametrize(
    ("constraint", "metrics", "intervals", "is_broken"),
    [
        (Constraint("size_mb", "<=", 1.0), {"size_mb": 1.01}, {}, True),
        (Constraint("size_mb", "<=", 1.0), {"size_mb": 1.0}, {}, False),
        (Constraint("size_mb", "<", 1.0), {"size_mb": 1.0}, {}, True),
        (Constraint("size_mb", ">=", 1.0), {"size_mb": 0.9}, {}, True),
        (Constraint("latency_ms", "<=", 1.0), {"latency_ms": 1.5}, {"latency_ms": (1.1, 1.9)}, True),
        (Constraint("latency_ms", "<=", 1.0), {"latency_ms": 1.5}, {"latency_ms": (0.9, 1.9)}, False),
        (Constraint("latency_ms", ">=", 2.0), {"latency_ms": 1.5}, {"latency_ms": (0.9, 2.1)}, False),
        (Constraint("latency_ms", "<=", 1.0), {"latency_ms": 9.0}, {}, False),  # noisy, and nobody knows how much
        (Constraint("peak_memory_mb", "<=", 1.0), {"peak_memory_mb": 9.0}, {}, False),
        (Constraint("size_mb", "<=", 1.0), {}, {}, False),
        (Constraint("accuracy", ">=", 0.9), {"accuracy": 0.1}, {}, False),  # it may still rise
    ],
)
def test_a_bound_is_broken_only_where_noise_and_training_cannot_mend_it(
    constraint, metrics, intervals, is_broken
) -> None:
    found = broken(Rung(0.0, metrics, intervals), [constraint])
    assert found == (constraint if is_broken else None)


def test_violations_are_those_of_the_structure(make_trial) -> None:
    bounds = [Constraint("size_mb", "<=", 1.0), Constraint("latency_ms", "<=", 2.0), Constraint("accuracy", ">=", 0.9)]
    stopped = make_trial(3).reach(Rung(0.0, {"accuracy": 0.1, "size_mb": 1.5, "latency_ms": 1.0}))
    assert violations(stopped, bounds) == {"size_mb <= 1": 0.5, "latency_ms <= 2": -1.0}
    assert violations(make_trial(3), bounds) == {}


@pytest.mark.parametrize(
    ("size", "latency", "interval", "dominates"),
    [
        (2.0, 2.0, (1.9, 2.1), True),
        (2.0, 1.0, (0.9, 1.05), False),  # by chance alone it may be the faster
        (0.9, 2.0, (1.9, 2.1), False),  # it is smaller
        (1.0, 1.1, (1.1, 1.2), False),  # a tie at the ends: both belong on the front
        (1.0, 1.2, (1.11, 1.3), True),
    ],
)
def test_a_member_dominates_by_structure_with_intervals_in_favour_of_the_newcomer(
    size, latency, interval, dominates
) -> None:
    best = member(4, {"latency_ms": (0.9, 1.1)}, size_mb=1.0, latency_ms=1.0)
    other = member(5, {"latency_ms": (8.0, 9.0)}, size_mb=0.5, latency_ms=8.5)
    rung = Rung(0.0, {"size_mb": size, "latency_ms": latency}, {"latency_ms": interval})
    assert dominator(rung, [other, best], [SMALL, FAST]) == (best if dominates else None)


def test_what_depends_on_weights_may_become_the_best_that_it_can_be() -> None:
    rung = Rung(0.0, {"accuracy": 0.1, "size_mb": 2.0})
    good = member(1, {"accuracy": (0.98, 1.0)}, accuracy=0.99, size_mb=1.0)
    sure = member(2, {"accuracy": (1.0, 1.0)}, accuracy=1.0, size_mb=1.0)
    assert dominator(rung, [good], [ACCURATE, SMALL]) is None
    assert dominator(rung, [good, sure], [ACCURATE, SMALL]) == sure
    # A metric without a best value may become anything, also where it is to be made large against its sense.
    for unbound in (Objective("accuracy_drop", "minimize"), Objective("accuracy", "minimize")):
        other = member(3, accuracy=0.0, accuracy_drop=-1.0, size_mb=0.1)
        assert dominator(rung, [other], [unbound, SMALL]) is None
        assert not may_dominate([other], [unbound, SMALL])


def test_when_a_look_before_training_can_be_of_use() -> None:
    good, sure = member(1, accuracy=0.99, size_mb=1.0), member(2, accuracy=1.0, size_mb=1.0)
    assert may_dominate([good], [SMALL])
    assert not may_dominate([], [SMALL])
    assert not may_dominate([good], [ACCURATE, SMALL])
    assert may_dominate([good, sure], [ACCURATE, SMALL])
    assert not may_dominate([sure], [ACCURATE])  # no structure is looked at
