import math

import pytest

from search.config.objective import Constraint, Objective, lower_bound
from spaces import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy>=0.95", Constraint("accuracy", ">=", 0.95)),
        (" latency_ms <= 2 ", Constraint("latency_ms", "<=", 2)),
        ("size_mb<.5", Constraint("size_mb", "<", 0.5)),
        ("accuracy_drop>-1e-2", Constraint("accuracy_drop", ">", -0.01)),
        ("size_ratio<=+3.", Constraint("size_ratio", "<=", 3)),
    ],
)
def test_constraints_are_read(text, expected) -> None:
    assert Constraint.parse(text) == expected
    assert Constraint.parse(str(expected)) == expected
    bound = text.strip()[len(expected.name) :]
    assert Constraint.parse_bound(expected.name, bound, "constraints") == expected


@pytest.mark.parametrize(
    "text", ["", "accuracy", "accuracy=0.9", "accuracy==0.9", "accuracy>=", ">=0.9", "accuracy>=high", "accuracy>=0.9%"]
)
def test_what_is_no_constraint_is_told_with_the_form(text) -> None:
    with pytest.raises(InputError, match="METRIC<=NUMBER") as told:
        Constraint.parse(text)
    assert told.value.problems[0].where == "--where"


@pytest.mark.parametrize("bound", [0.9, None, True, "0.9", "= 0.9", ">= a", ">= 0.9 0.8"])
def test_what_is_no_bound_is_told_with_the_form(bound) -> None:
    with pytest.raises(InputError, match=r"not a bound; write \">= NUMBER\"") as told:
        Constraint.parse_bound("accuracy", bound, "constraints.accuracy")
    assert told.value.problems[0].where == "constraints.accuracy"


def test_an_unknown_metric_is_told_with_the_near_miss() -> None:
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        Constraint.parse("acuracy>=0.9")


@pytest.mark.parametrize(
    ("constraint", "value", "holds", "violation"),
    [
        (Constraint("accuracy", ">=", 0.5), 0.5, True, 0),
        (Constraint("accuracy", ">", 0.5), 0.5, False, 0),
        (Constraint("accuracy", ">=", 0.5), 0.25, False, 0.25),
        (Constraint("accuracy", "<=", 0.5), 0.75, False, 0.25),
        (Constraint("accuracy", "<", 0.5), 0.25, True, -0.25),
    ],
)
def test_whether_and_by_how_much_a_bound_is_missed(constraint, value, holds, violation) -> None:
    assert constraint.holds({"accuracy": value}) is holds
    assert constraint.violation({"accuracy": value}) == violation


def test_less_loss_is_better_both_ways() -> None:
    assert Objective("accuracy", "maximize").loss({"accuracy": 0.9}) == -0.9
    assert Objective("size_mb", "minimize").loss({"size_mb": 0.9}) == 0.9


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ([], None),
        ([Constraint("accuracy", "<=", 0.9), Constraint("size_mb", ">=", 1)], None),
        ([Constraint("accuracy", ">=", 0.9)], 0.9),
        ([Constraint("accuracy", ">", 0.5)], math.nextafter(0.5, 1)),
        ([Constraint("accuracy", ">=", 0.9), Constraint("accuracy", ">=", 0.95)], 0.95),
    ],
    ids=["none", "others", "one", "strict", "the tightest"],
)
def test_the_lower_bound_is_the_least_value_that_keeps_all(constraints, expected) -> None:
    assert lower_bound(constraints, "accuracy") == expected


def test_what_was_not_measured_keeps_no_bound_and_is_worst() -> None:
    constraint = Constraint("energy_mj", "<=", 3)
    assert not constraint.holds({"accuracy": 1.0})
    assert constraint.violation({"accuracy": 1.0}) == math.inf
    assert Objective("energy_mj", "minimize").loss({}) == math.inf
    assert Objective("energy_mj", "maximize").loss({}) == math.inf


@pytest.mark.parametrize(
    ("constraint", "best", "reason"),
    [
        (Constraint("accuracy", ">=", 95), 1.0, "accuracy is at most 1"),
        (Constraint("accuracy", ">", 1), 1.0, "accuracy is at most 1"),
        (Constraint("accuracy", ">=", 1), 1.0, ""),
        (Constraint("accuracy", "<=", 95), 1.0, ""),
        (Constraint("accuracy", ">=", 95), None, ""),
        (Constraint("size_mb", "<", 0), 0.0, "size_mb is at least 0"),
        (Constraint("size_mb", "<=", 0.5), 0.0, ""),
    ],
    ids=["percent", "strictly above", "just reached", "other side", "not known", "downwards", "downwards reached"],
)
def test_a_bound_beyond_the_best_value_is_out_of_reach(constraint, best, reason) -> None:
    assert constraint.out_of_reach(best) == reason


def test_a_bound_is_finite_and_shown_with_all_its_digits() -> None:
    with pytest.raises(InputError, match="is too large for a number"):
        Constraint.parse(f"accuracy>={'9' * 400}")
    assert str(Constraint.parse("accuracy>=0.97123456")) == "accuracy >= 0.97123456"
