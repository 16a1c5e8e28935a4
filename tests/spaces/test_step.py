import re

import pytest

from spaces import Interval, Options, Parameter, StepSpec, When

SWITCH = Parameter("cutting.method", Options(("none", "channel")))
RATIO = Parameter("cutting.ratio", Interval(0, 1), when=(When("cutting.method", ("channel",)),))


def label(params: object) -> str:
    return "cut"


def test_conditions_name_parameters_declared_before() -> None:
    message = "cutting.ratio depends on cutting.method, which is not declared before it"
    with pytest.raises(ValueError, match=re.escape(message)):
        StepSpec("cut", (RATIO, SWITCH), label)


def test_keys_are_unique_within_a_step() -> None:
    with pytest.raises(
        ValueError, match=re.escape("step 'cut' has two parameters with the same key: ['method', 'method']")
    ):
        StepSpec("cut", (SWITCH, Parameter("other.method", Interval(0, 1))), label)


def test_the_first_parameter_is_the_switch() -> None:
    assert StepSpec("cut", (SWITCH, RATIO), label).switch is SWITCH


@pytest.mark.parametrize(
    ("method", "asked"),
    [("none", ["cutting.method"]), ("channel", ["cutting.method", "cutting.ratio"])],
    ids=["off", "on"],
)
def test_walk_asks_only_for_what_applies(method: str, asked: list[str]) -> None:
    names = []

    def choose(parameter: Parameter) -> str | float:
        names.append(parameter.name)
        return method if parameter is SWITCH else 0.5

    values = StepSpec("cut", (SWITCH, RATIO), label).walk(choose)
    assert names == asked == list(values)
