import math
import re

import pytest

from spaces import Axis, Interval, Options, Parameter
from spaces.axis import MOST_VALUES, parse_axis

RATIO = Parameter("cutting.ratio", Interval(0, 1))
DEPTH = Parameter("student.depth", Interval(1, 9, integer=True))
METHOD = Parameter("cutting.method", Options(("none", "channel")))
FORM = "a range is written {low: …, high: …, step: …}"


@pytest.mark.parametrize(
    ("parameter", "given", "axis"),
    [
        (RATIO, 0.5, Axis("cutting.ratio", (0.5,))),
        (RATIO, [0.5, 0.25], Axis("cutting.ratio", (0.5, 0.25))),
        (RATIO, {"low": 0.1, "high": 0.3, "step": 0.1}, Axis("cutting.ratio", (0.1, 0.2, 0.3), step=0.1)),
        (RATIO, {"low": 0.25, "high": 0.8, "step": 0.25}, Axis("cutting.ratio", (0.25, 0.5, 0.75), step=0.25)),
        (RATIO, {"low": 0.5, "high": 0.5, "step": 0.1}, Axis("cutting.ratio", (0.5,))),
        (DEPTH, {"low": 1, "high": 5, "step": 2}, Axis("student.depth", (1, 3, 5), step=2)),
        (METHOD, "channel", Axis("cutting.method", ("channel",))),
    ],
    ids=["value", "list keeps its order", "0.1 + 0.2 is 0.3", "end not hit", "one point", "whole numbers", "word"],
)
def test_what_a_file_gives_becomes_an_axis(parameter: Parameter, given: object, axis: Axis) -> None:
    assert parse_axis(parameter, given) == (axis, [])


def test_a_range_of_whole_numbers_holds_whole_numbers() -> None:
    axis, _ = parse_axis(DEPTH, {"low": 1, "high": 3, "step": 1})
    assert axis is not None
    assert [type(value) for value in axis.values] == [int, int, int]


@pytest.mark.parametrize(
    ("parameter", "given", "messages"),
    [
        (RATIO, [], ["an empty list; give at least one value"]),
        (RATIO, [0.5, 1, 0.5, 1.0], ["0.5 is given twice", "1.0 is given twice"]),
        (RATIO, [2, -1], [f"{value} is out of range; legal: a number >= 0 and <= 1" for value in (2, -1)]),
        (RATIO, {"low": 0.1, "high": 0.9}, [f"step is missing: trials share work only where values repeat; {FORM}"]),
        (RATIO, {"low": 0, "high": 1, "stepp": 1}, [f"unknown key stepp; {FORM}"]),
        (RATIO, {"high": 1, "step": 0.5}, [f"low is null, not a number; {FORM}"]),
        (RATIO, {"low": 0, "high": "1", "step": 0.5}, [f"high is '1', not a number; {FORM}"]),
        (RATIO, {"low": 0, "high": 1, "step": True}, [f"step is true, not a number; {FORM}"]),
        (RATIO, {"low": 0, "high": math.inf, "step": 0.5}, [f"high is inf, not a number; {FORM}"]),
        (RATIO, {"low": math.nan, "high": 1, "step": 0.5}, [f"low is nan, not a number; {FORM}"]),
        (RATIO, {"low": 0, "high": 1, "step": 0}, ["step is 0; it must be above 0"]),
        (RATIO, {"low": 0.9, "high": 0.1, "step": 0.1}, ["low 0.9 is above high 0.1"]),
        (RATIO, {"low": 0.5, "high": 1.5, "step": 0.5}, ["1.5 is out of range; legal: a number >= 0 and <= 1"]),
        (METHOD, {"low": 0, "high": 1, "step": 1}, [f"{end} is not known; legal: none, channel" for end in (0, 1)]),
        (
            DEPTH,
            {"low": 1, "high": 2, "step": 0.5},
            [f"{end:.1f} is not a whole number; write {end}" for end in (1, 2)],
        ),
        (RATIO, list(range(MOST_VALUES + 1)), ["1001 values; legal: at most 1000"]),
        (
            RATIO,
            {"low": 0, "high": 1, "step": 1e-9},
            ["from 0 to 1 by 1e-09 makes more than 1000 values; raise the step"],
        ),
        (
            RATIO,
            {"low": 0.5, "high": 0.5 + 1e-9, "step": 1e-11},
            ["step 1e-11 is too small: 0.5 and 0.50000000001 are one value here"],
        ),
        (RATIO, {"low": -(10**400), "high": 1, "step": 1}, [f"low is -1{'0' * 16}...{'0' * 19}, not a number; {FORM}"]),
        (
            RATIO,
            {"low": -1e308, "high": 1e308, "step": 1},
            ["from -1e+308 to 1e+308 by 1 makes more than 1000 values; raise the step"],
        ),
    ],
    ids=[
        "empty", "repeats", "out of range", "no step", "unknown key", "no low", "text", "truth", "infinite", "nan",
        "step 0", "low above high", "range leaves the domain", "range of words", "fractions of whole numbers",
        "too long a list", "too many steps", "too small a step", "huge", "endless",
    ],
)  # fmt: skip
def test_every_problem_of_an_axis_is_told(parameter: Parameter, given: object, messages: list[str]) -> None:
    _, problems = parse_axis(parameter, given)
    assert [str(problem) for problem in problems] == [f"{parameter.name}: {message}" for message in messages]


def test_a_problem_names_the_near_miss() -> None:
    _, problems = parse_axis(METHOD, ["none", "chanel"])
    assert re.search(r"did you mean 'channel'\?", str(problems[0]))


@pytest.mark.parametrize(
    ("given", "axis"),
    [
        ([2, 0.5, -1, 0.5], Axis("cutting.ratio", (0.5,))),
        ({"low": 0.5, "high": 1.5, "step": 0.5}, Axis("cutting.ratio", (0.5, 1.0), step=0.5)),
        ({"low": 1, "high": 3, "step": 1}, Axis("cutting.ratio", (1,))),
        ({"low": 2, "high": 3, "step": 1}, None),
        ([2, "much"], None),
        ([], None),
    ],
    ids=["list", "range", "one of a range", "none of a range", "none of a list", "empty"],
)
def test_legal_values_are_kept_beside_the_problems(given: object, axis: Axis | None) -> None:
    kept, problems = parse_axis(RATIO, given)
    assert kept == axis
    assert problems != []


def test_an_illegal_value_that_is_given_twice_is_told_once() -> None:
    _, problems = parse_axis(RATIO, [2, 2])
    assert [problem.message for problem in problems] == ["2 is out of range; legal: a number >= 0 and <= 1"]
