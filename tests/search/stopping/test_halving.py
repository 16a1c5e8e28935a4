import math
import random

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.meters import Measurement
from search.config.objective import Constraint, Objective
from search.stopping.halving import ETA, Place, place
from search.study.rung import Rung

NAMES = ("accuracy", "latency_ms", "size_mb", "accuracy_drop")
SMALL = Constraint("size_mb", "<=", 3.0)
FAST = Constraint("latency_ms", "<=", 2.0)


def rungs_of(rows, names=NAMES) -> dict[int, Rung]:
    return {number: Rung(1 / 3, Measurement(dict(zip(names, row, strict=False)))) for number, row in enumerate(rows)}


@st.composite
def problems(draw):
    """One to four objectives, up to twenty trials on a coarse grid, so that there are ties, and one of them."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, 4))]
    objectives = [Objective(name, draw(st.sampled_from(("maximize", "minimize")))) for name in names]
    rows = draw(st.lists(st.tuples(*[st.integers(0, 5)] * 4), min_size=1, max_size=20))
    constraints = draw(st.sampled_from([(), (SMALL,), (SMALL, FAST)]))
    return objectives, constraints, rungs_of(rows), draw(st.integers(0, len(rows) - 1))


def key(rung, objectives, constraints):
    """What it misses, and its losses: as the paper's definition of constrained dominance reads."""
    misses = [max(0.0, rung.measurement.metrics[c.name] - c.bound) for c in constraints]
    return misses, [objective.loss(rung.measurement.metrics) for objective in objectives]


def dominates(one, other, objectives, constraints) -> bool:
    (mine, losses), (theirs, others) = key(one, objectives, constraints), key(other, objectives, constraints)
    if any(theirs) or any(mine):
        losses, others = mine, theirs
    return all(a <= b for a, b in zip(losses, others, strict=True)) and losses != others


def naive(rungs, objectives) -> dict[int, Place]:
    """A place by an argsort taken for ranks, as in Syne Tune's MOASHA."""
    numbers = list(rungs)
    losses = np.array([[o.loss(rungs[n].measurement.metrics) for o in objectives] for n in numbers])
    dominators = [(np.all(losses <= row, axis=1) & np.any(losses < row, axis=1)).sum() for row in losses]
    order = np.argsort(dominators, kind="stable")
    return {n: Place(int(at), len(numbers), int(at)) for n, at in zip(numbers, order, strict=True)}


def check_the_best_go_on(decide, problem) -> None:
    """Whom nobody dominates goes on; and who dominates one that goes on goes on, too."""
    objectives, constraints, rungs, _ = problem
    goes = {number: decide(number, rungs, objectives, constraints).goes_on for number in rungs}
    for number, rung in rungs.items():
        beaten_by = [n for n, other in rungs.items() if dominates(other, rung, objectives, constraints)]
        assert goes[number] or beaten_by
        if goes[number]:
            assert all(goes[better] for better in beaten_by)


@settings(max_examples=100, deadline=None)
@given(problems())
def test_who_dominates_or_is_not_dominated_goes_on(problem) -> None:
    check_the_best_go_on(place, problem)


@pytest.mark.parametrize("broken", ["argsort", "reversed", "first half"])
def test_the_property_finds_out_wrong_orders(broken) -> None:
    def decide(number, rungs, objectives, constraints) -> Place:
        if broken == "argsort":
            return naive(rungs, objectives)[number]
        right = place(number, rungs, objectives, constraints)
        if broken == "reversed":
            return Place(right.of - 1 - right.ahead, right.of, 1)
        return Place(number, right.of, 1)

    @settings(max_examples=200, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(problems().filter(lambda problem: not problem[1]))
    def check(problem) -> None:
        check_the_best_go_on(decide, problem)

    with pytest.raises(AssertionError):
        check()


@settings(max_examples=50, deadline=None)
@given(problems(), st.randoms(use_true_random=False), st.sampled_from([lambda v: 1000 * v, lambda v: math.exp(v) - 7]))
def test_neither_the_order_nor_the_units_matter(problem, rng, unit) -> None:
    objectives, _, rungs, number = problem
    shuffled = list(rungs.items())
    rng.shuffle(shuffled)
    other = {
        n: Rung(r.fidelity, Measurement({name: unit(value) for name, value in r.measurement.metrics.items()}))
        for n, r in shuffled
    }
    bounds = [(Constraint("size_mb", "<=", 3.0), Constraint("size_mb", "<=", unit(3.0))), None]
    for bound in bounds:
        before, after = ((bound[0],), (bound[1],)) if bound else ((), ())
        assert place(number, rungs, objectives, before) == place(number, other, objectives, after)


@settings(max_examples=50, deadline=None)
@given(problems())
def test_equals_have_the_same_place(problem) -> None:
    objectives, constraints, rungs, number = problem
    both = {**rungs, 99: rungs[number]}
    assert place(99, both, objectives, constraints) == place(number, both, objectives, constraints)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_of_a_chain_about_a_third_goes_on(direction) -> None:
    """Any order in which one after the other is better in everything: the decisions are those of ASHA."""
    objectives = [Objective("accuracy", direction), Objective("size_mb", direction)]
    chance, went_on = random.Random(0), 0
    for _ in range(10):
        values = chance.sample(range(1000), 40)
        for count in range(1, 41):
            went_on += place(count - 1, rungs_of([(v, 0, v) for v in values[:count]]), objectives).goes_on
    assert went_on / (10 * 40) == pytest.approx(1 / ETA, abs=0.06)


def test_a_chain_by_hand() -> None:
    """Of nine in a row the best three go on; a tenth at the end does not, and one before all does."""
    chain = rungs_of([(0, 0, size) for size in range(1, 10)])
    smallest = [Objective("size_mb", "minimize")]
    assert [place(n, chain, smallest).goes_on for n in chain] == [True] * 3 + [False] * 6
    assert place(4, chain, smallest) == Place(ahead=4, of=9, rank=4)
    first = Rung(1 / 3, Measurement({"size_mb": 0.5}))
    assert place(99, {**chain, 99: first}, smallest) == Place(0, 10, 0)


def test_within_a_rank_those_who_stand_alone_come_first() -> None:
    """A front of one, and behind it five that do not dominate each other: two of six go on, the ends of the row."""
    objectives = [Objective("latency_ms", "minimize"), Objective("size_mb", "minimize")]
    rows = [(0, 0, 0), (0, 1, 9), (0, 2, 8), (0, 3, 7), (0, 4, 6), (0, 9, 1)]
    found = [place(n, rungs_of(rows), objectives) for n in range(6)]
    assert [each.rank for each in found] == [0, 1, 1, 1, 1, 1]
    assert [each.goes_on for each in found] == [True, True, False, False, False, True]


def test_who_breaks_a_bound_on_the_structure_comes_last_and_accuracy_may_still_rise() -> None:
    objectives = [Objective("accuracy", "maximize")]
    rungs = rungs_of([(0.1, 1, 1), (0.9, 1, 4), (0.8, 1, 5), (0.05, 1, 3)])
    floor = Constraint("accuracy", ">=", 0.99)
    ranks = [place(n, rungs, objectives, (SMALL, floor)).rank for n in rungs]
    assert ranks == [0, 2, 3, 1]
    assert [place(n, rungs, objectives, (floor,)).rank for n in rungs] == [2, 0, 1, 3]
    alone = {7: rungs[2]}
    assert place(7, alone, objectives, (SMALL,)).goes_on


def test_what_was_not_measured_is_the_worst() -> None:
    rungs = {0: Rung(1 / 3, Measurement({"energy_mj": 5.0})), 1: Rung(1 / 3, Measurement({}))}
    assert [place(n, rungs, [Objective("energy_mj", "minimize")]).rank for n in rungs] == [0, 1]
