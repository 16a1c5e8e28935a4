import math

import pytest

from spaces import Interval, Options, Parameter, When


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Interval(0, 1), "a number >= 0 and <= 1"),
        (Interval(0, 1, open_low=True, open_high=True), "a number > 0 and < 1"),
        (Interval(1, 10_000_000, integer=True), "a whole number >= 1 and <= 10000000"),
        (Interval(0, 0.5, open_low=True), "a number > 0 and <= 0.5"),
    ],
    ids=["closed", "open", "integer", "half open"],
)
def test_an_interval_says_what_is_legal(domain: Interval, text: str) -> None:
    assert str(domain) == text


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (Interval(0, 1), 0),
        (Interval(0, 1), 1.0),
        (Interval(0, 1, open_low=True), 1e-9),
        (Interval(1, 10**6, integer=True), 10**6),
        (Options(("a", 1)), 1),
        (Options((True,)), True),
    ],
    ids=["low end", "high end", "just above an open end", "large", "option", "truth"],
)
def test_legal_values_are_no_problem(domain: Interval | Options, value: object) -> None:
    assert domain.problem(value) is None


@pytest.mark.parametrize(
    ("domain", "value", "message"),
    [
        (Interval(0, 1), 1.5, "1.5 is out of range; legal: a number >= 0 and <= 1"),
        (Interval(0, 1, open_low=True), 0, "0 is out of range; legal: a number > 0 and <= 1"),
        (Interval(0, 1, open_high=True), 1.0, "1.0 is out of range; legal: a number >= 0 and < 1"),
        (Interval(0, 1), "0.5", "'0.5' is not a number; legal: a number >= 0 and <= 1"),
        (Interval(0, 1), True, "true is not a number; legal: a number >= 0 and <= 1"),
        (Interval(0, 9), math.nan, "nan is not a number; legal: a number >= 0 and <= 9"),
        (Interval(0, 9), math.inf, "inf is out of range; legal: a number >= 0 and <= 9"),
        (Interval(1, 9, integer=True), 2.0, "2.0 is not a whole number; write 2"),
        (Interval(1, 9, integer=True), 2.5, "2.5 is not a whole number; legal: a whole number >= 1 and <= 9"),
        (Interval(1, 9, integer=True), 1e23, "1e+23 is out of range; legal: a whole number >= 1 and <= 9"),
        (Interval(0, 1), 10**400, f"1{'0' * 17}...{'0' * 19} is out of range; legal: a number >= 0 and <= 1"),
        (Interval(1, 9, integer=True), None, "null is not a whole number; legal: a whole number >= 1 and <= 9"),
        (Options(("on", "off")), "of", "'of' is not known (did you mean 'off'?); legal: on, off"),
        (Options((1, 2)), True, "true is not known; legal: 1, 2"),
        (Options((1, 2)), [1], "[1] is not known; legal: 1, 2"),
    ],
    ids=[
        "above", "open low end", "open high end", "text", "truth", "nan", "infinity", "like a fraction", "fraction",
        "large", "huge", "nothing",
        "near miss", "truth is not 1", "list",
    ],
)  # fmt: skip
def test_an_illegal_value_is_told_with_what_is_legal(domain: Interval | Options, value: object, message: str) -> None:
    assert domain.problem(value) == message


@pytest.mark.parametrize(
    ("when", "params", "holds"),
    [
        (When("g.a", (1, 2)), {"g.a": 2}, True),
        (When("g.a", (1, 2)), {"g.a": 3}, False),
        (When("g.a", (0,), negated=True), {"g.a": 0.0}, False),
        (When("g.a", (0,), negated=True), {"g.a": 0.5}, True),
        (When("g.a", (1,)), {}, False),
        (When("g.a", (1,), negated=True), {}, False),
    ],
    ids=["one of", "none of", "negated and equal", "negated and different", "inactive", "negated and inactive"],
)
def test_a_condition_looks_at_the_values_so_far(when: When, params: dict[str, float], holds: bool) -> None:
    assert when.holds(params) is holds


def test_all_conditions_must_hold() -> None:
    parameter = Parameter("g.c", Interval(0, 9), when=(When("g.a", (1,)), When("g.b", (1,))))
    assert parameter.applies({"g.a": 1, "g.b": 1})
    assert not parameter.applies({"g.a": 1, "g.b": 2})


def test_a_name_is_a_group_and_a_key() -> None:
    parameter = Parameter("quantization.calibrator", Options(("minmax",)))
    assert (parameter.group, parameter.key) == ("quantization", "calibrator")
