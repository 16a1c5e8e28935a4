import re
from dataclasses import dataclass

import pytest

from pipelines.stages.technique import switched
from spaces import Interval, Options, Parameter, When


@dataclass
class Fake:
    parameters: tuple[Parameter, ...] = ()


RATIO = Parameter("pruning.ratio", Interval(0, 1))
ROUND = Parameter("pruning.round", Options((8, 16)), default=8, when=(When("pruning.ratio", (0,), negated=True),))


def test_the_switch_lists_none_and_every_technique() -> None:
    (switch,) = switched("pruning.method", {"a": Fake(), "b": Fake()}, default="a", help="what")
    assert switch == Parameter("pruning.method", Options(("none", "a", "b")), default="a", help="what")


def test_a_parameter_applies_with_each_technique_that_declares_it() -> None:
    _, ratio, rounding = switched("pruning.method", {"a": Fake((RATIO,)), "b": Fake((RATIO, ROUND)), "c": Fake()})
    assert ratio.when == (When("pruning.method", ("a", "b")),)
    assert rounding.when == (When("pruning.method", ("b",)), *ROUND.when)


def test_one_parameter_cannot_be_declared_in_two_ways() -> None:
    other = Parameter("pruning.ratio", Interval(0, 2))
    names = ["pruning.method", "pruning.ratio", "pruning.ratio"]
    message = f"techniques of pruning.method declare one parameter in two ways: {names}"
    with pytest.raises(ValueError, match=re.escape(message)):
        switched("pruning.method", {"a": Fake((RATIO,)), "b": Fake((other,))})
