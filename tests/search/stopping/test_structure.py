import pytest

from pipelines.meters import Measurement
from search.config.objective import Constraint, Objective
from search.stopping.structure import broken, dominator, may_dominate
from search.study.rung import Rung
from search.study.trial import Trial
from spaces import Recipe
from tests.search.results import complete

SMALL, FAST = Objective("parameters", "minimize"), Objective("latency_ratio", "minimize")
ACCURATE = Objective("accuracy", "maximize")


def member(number: int, intervals=None, **metrics: float) -> Trial:
    return Trial(number, Recipe(), {}, f"m{number}", 0.0, complete(number, 0.0, 1.0, metrics, intervals or {}))


@pytest.mark.parametrize(
    ("constraint", "metrics", "intervals", "is_broken"),
    [
        (Constraint("size_mb", "<=", 1.0), {"size_mb": 1.03}, {}, True),
        (Constraint("size_mb", "<=", 1.0), {"size_mb": 1.01}, {}, False),  # training may change the file a little
        (Constraint("parameters", "<=", 10), {"parameters": 11}, {}, True),
        (Constraint("parameters", "<", 10), {"parameters": 10}, {}, True),
        (Constraint("parameters", "<=", 10), {"parameters": 10}, {}, False),
        (Constraint("size_mb", ">=", 1.0), {"size_mb": 0.9}, {}, True),
        (Constraint("latency_ms", "<=", 1.0), {"latency_ms": 1.5}, {"latency_ms": (1.45, 1.55)}, True),
        (Constraint("latency_ms", "<=", 1.0), {"latency_ms": 1.5}, {"latency_ms": (1.4, 1.6)}, False),
        (Constraint("latency_ratio", "<=", 1.0), {"latency_ratio": 1.5}, {"latency_ratio": (1.2, 1.6)}, True),
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
    found = broken(Rung(0.0, Measurement(metrics, intervals)), [constraint])
    assert found == (constraint if is_broken else None)


@pytest.mark.parametrize(
    ("size", "ratio", "interval", "dominates"),
    [
        (200, 2.0, (1.9, 2.1), True),
        (200, 1.0, (0.9, 1.05), False),  # by chance alone it may be the faster
        (90, 2.0, (1.9, 2.1), False),  # it is smaller
        (100, 2.0, (1.9, 2.1), True),
        (100, 1.25, (1.25, 1.3), True),
        (200, 1.2, (1.2, 1.3), False),  # with the slack of a tenth it may be the faster
    ],
)
def test_a_member_dominates_by_structure_with_noise_in_favour_of_the_newcomer(size, ratio, interval, dominates) -> None:
    best = member(4, {"latency_ratio": (0.9, 1.1)}, parameters=100, latency_ratio=1.0)
    other = member(5, {"latency_ratio": (8.0, 9.0)}, parameters=50, latency_ratio=8.5)
    rung = Rung(0.0, Measurement({"parameters": size, "latency_ratio": ratio}, {"latency_ratio": interval}))
    assert dominator(rung, [other, best], [SMALL, FAST]) == (best if dominates else None)


def test_equals_do_not_dominate_each_other() -> None:
    rung = Rung(0.0, Measurement({"parameters": 100.0}))
    assert dominator(rung, [member(4, parameters=100.0)], [SMALL]) is None
    assert dominator(rung, [member(4, parameters=99.0)], [SMALL]) is not None
    assert dominator(Rung(0.0, Measurement({})), [member(4, parameters=1.0)], [SMALL]) is None


def test_what_depends_on_weights_may_become_the_best_that_it_can_be() -> None:
    rung = Rung(0.0, Measurement({"accuracy": 0.1, "parameters": 200.0}))
    good = member(1, {"accuracy": (0.98, 1.0)}, accuracy=0.99, parameters=100.0)
    sure = member(2, {"accuracy": (1.0, 1.0)}, accuracy=1.0, parameters=100.0)
    assert dominator(rung, [good], [ACCURATE, SMALL]) is None
    assert dominator(rung, [good, sure], [ACCURATE, SMALL]) == sure
    # The best drop is not reached, and who minimises accuracy goes against its sense: nothing bounds that.
    for unbound in (Objective("accuracy_drop", "minimize"), Objective("accuracy", "minimize")):
        other = member(3, accuracy=0.0, accuracy_drop=-0.9, parameters=1.0)
        assert dominator(rung, [other], [unbound, SMALL]) is None
        assert not may_dominate([other], [unbound, SMALL])


def test_a_score_of_the_tasks_own_may_become_anything() -> None:
    class Own:
        def score(self, outputs, targets):
            return outputs

    rung = Rung(0.0, Measurement({"accuracy": 0.1, "parameters": 200.0}))
    sure = member(2, accuracy=1.0, parameters=100.0)
    assert dominator(rung, [sure], [ACCURATE, SMALL], object()) == sure
    assert dominator(rung, [sure], [ACCURATE, SMALL], Own()) is None
    assert not may_dominate([sure], [ACCURATE, SMALL], Own())


def test_when_a_look_before_training_can_be_of_use() -> None:
    good, sure = member(1, accuracy=0.99, parameters=100.0), member(2, accuracy=1.0, parameters=100.0)
    assert may_dominate([good], [SMALL])
    assert not may_dominate([], [SMALL])
    assert not may_dominate([good], [ACCURATE, SMALL])
    assert may_dominate([good, sure], [ACCURATE, SMALL])
    assert not may_dominate([sure], [ACCURATE])  # no structure is looked at
