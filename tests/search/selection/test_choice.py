import pytest

from search.config.objective import Constraint, Objective
from search.errors import SweepError
from search.selection.choice import pick
from search.selection.preference import Weights
from search.study.front import pareto_front
from tests.search.results import measured

OBJECTIVES = (Objective("accuracy", "maximize"), Objective("latency_ms", "minimize"), Objective("size_mb", "minimize"))


def with_metrics(trial, **metrics):
    """`trial` with more metrics."""
    return measured(trial, metrics={**trial.metrics, **metrics})


@pytest.fixture
def front(make_trial):
    rows = [(0.99, 4, 2.0), (0.98, 1.5, 1.8), (0.60, 1, 1.0)]
    return pareto_front([make_trial(number, row) for number, row in enumerate(rows)], OBJECTIVES)


def test_by_default_the_knee_is_picked_and_the_reason_says_so(front) -> None:
    choice = pick(front)
    assert (choice.trial.number, choice.feasible, choice.members, choice.runner_up.number) == (1, 3, 3, 2)
    assert choice.reason == (
        "the knee of 3 of 3 front members; next comes trial 2: accuracy 0.6 (0.38 worse), latency_ms 1 (0.5 better), "
        "size_mb 1 (0.8 better)"
    )
    assert choice.costs == pytest.approx({"accuracy": 0.38, "latency_ms": -0.5, "size_mb": -0.8})


def test_the_best_by_a_metric_within_constraints(front) -> None:
    choice = pick(front, [Constraint("accuracy", ">=", 0.97)], Objective("latency_ms", "minimize"))
    assert choice.trial.number == 1
    assert choice.reason == (
        "the least latency_ms of 2 of 3 front members with accuracy >= 0.97; next comes trial 0: accuracy 0.99 "
        "(0.01 better), latency_ms 4 (2.5 worse), size_mb 2 (0.2 worse)"
    )
    assert pick(front, [], Objective("accuracy", "maximize")).trial.number == 0


def test_the_only_one_left_has_no_second(front) -> None:
    choice = pick(front, [Constraint("latency_ms", "<", 1.5)], Objective("size_mb", "minimize"))
    assert choice.trial.number == 2
    assert "next" not in choice.reason
    assert (choice.runner_up, choice.costs) == (None, {})


def test_weights_decide_and_are_told(front) -> None:
    """Scaled losses are (0, 1, 1), (.026, .167, .8) and (1, 0, 0)."""
    assert pick(front, prefer=Weights({"accuracy": 1, "latency_ms": 1})).trial.number == 1
    assert pick(front, prefer=Weights({"accuracy": 1, "size_mb": 20})).trial.number == 2
    choice = pick(front, prefer=Weights({"accuracy": 100, "latency_ms": 1}))
    assert choice.trial.number == 0
    assert choice.reason.startswith("the best by weights accuracy=100, latency_ms=1 of 3 of 3 front members; next")


def test_weights_mean_the_same_whatever_constraints_leave(front) -> None:
    """Scaled over what is left, trials 0 and 1 would be (0, 1, 1) and (1, 0, 0), and 0 would win by its accuracy."""
    weights = Weights({"accuracy": 3, "latency_ms": 1})
    assert pick(front, [Constraint("accuracy", ">=", 0.97)], weights).trial.number == 1


def test_ratios_and_drops_can_be_bound(make_trial) -> None:
    rows = [(0.99, 4, 2.0), (0.98, 1.5, 1.8), (0.60, 1, 1.0)]
    ratios = [(0.0, 1.0), (0.01, 0.375), (0.39, 0.25)]
    trials = [
        with_metrics(make_trial(n, row), accuracy_drop=drop, latency_ratio=ratio)
        for n, (row, (drop, ratio)) in enumerate(zip(rows, ratios, strict=True))
    ]
    bounds = [Constraint.parse("latency_ratio<=0.5"), Constraint.parse("accuracy_drop<=0.01")]
    choice = pick(pareto_front(trials, OBJECTIVES), bounds)
    assert choice.trial.number == 1
    assert choice.reason == "the knee of 1 of 3 front members with latency_ratio <= 0.5 and accuracy_drop <= 0.01"


def test_who_was_not_measured_keeps_no_bound_and_the_reason_says_so(make_trial) -> None:
    trials = [make_trial(0, (0.9, 1, 1)), with_metrics(make_trial(1, (0.8, 0.5, 1)), energy_mj=2.0)]
    choice = pick(pareto_front(trials, OBJECTIVES), [Constraint("energy_mj", "<=", 3)])
    assert choice.trial.number == 1
    assert choice.reason == ("the knee of 1 of 2 front members with energy_mj <= 3 (energy_mj was not measured for 1)")


def test_an_empty_front_says_so(make_trial) -> None:
    with pytest.raises(SweepError, match="the front is empty"):
        pick(pareto_front([make_trial(0)], OBJECTIVES))


@pytest.mark.parametrize("prefer", [Objective("energy_mj", "minimize"), Weights({"accuracy": 1, "energy_mj": 1})])
def test_a_number_that_was_not_measured_cannot_decide(make_trial, prefer) -> None:
    trial = make_trial(0, (0.9, 1, 1))
    notes = {"energy_mj": "not available: this machine shows no energy counters"}
    front = pareto_front([measured(trial, notes=notes)], OBJECTIVES)
    message = "no member of the front has energy_mj: not available: this machine shows no energy counters"
    with pytest.raises(SweepError, match=message):
        pick(front, prefer=prefer)


def test_no_member_may_have_all_that_weights_need(make_trial) -> None:
    trials = [
        with_metrics(make_trial(0, (0.9, 1, 1)), energy_mj=1.0),
        with_metrics(make_trial(1, (0.8, 0.5, 1)), peak_memory_mb=1.0),
    ]
    with pytest.raises(SweepError, match="no member of the front has all of energy_mj, peak_memory_mb"):
        pick(pareto_front(trials, OBJECTIVES), prefer=Weights({"energy_mj": 1, "peak_memory_mb": 1}))


@pytest.mark.parametrize("prefer", [Objective("energy_mj", "minimize"), Weights({"energy_mj": 1})])
def test_who_was_not_measured_comes_last(make_trial, prefer) -> None:
    trials = [make_trial(0, (0.9, 1, 1)), with_metrics(make_trial(1, (0.8, 0.5, 1)), energy_mj=2.0)]
    choice = pick(pareto_front(trials, OBJECTIVES), prefer=prefer)
    assert choice.trial.number == 1
    assert choice.reason.endswith(" of 2 of 2 front members")


def test_what_decides_without_being_an_objective_is_told_first(make_trial) -> None:
    trials = [with_metrics(make_trial(n, (0.9 - n / 10, 1 - n / 10, 1)), energy_mj=float(n)) for n in range(2)]
    choice = pick(pareto_front(trials, OBJECTIVES), prefer=Objective("energy_mj", "minimize"))
    assert choice.trial.number == 0
    assert (
        "next comes trial 1: energy_mj 1, accuracy 0.8 (0.1 worse), latency_ms 0.9 (0.1 better), size_mb 1 (the same)"
        in (choice.reason)
    )
