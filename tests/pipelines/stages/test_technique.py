import re
from dataclasses import dataclass, replace

import pytest

from pipelines.stages.technique import switched
from spaces import Interval, Only, Options, Parameter, When


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
    message = "techniques of pruning.method declare pruning.ratio in two ways: a, b"
    with pytest.raises(ValueError, match=re.escape(message)):
        switched("pruning.method", {"a": Fake((RATIO,)), "b": Fake((other,))})
    with pytest.raises(ValueError, match=r"declare pruning\.round in two ways: a, b"):
        switched("pruning.method", {"a": Fake((ROUND,)), "b": Fake((replace(ROUND, default=16),))})


def test_techniques_may_differ_in_options_and_each_keeps_its_own() -> None:
    scope = Parameter("pruning.scope", Options(("local", "global")), default="local")
    local = Only((When("pruning.scope", ("local",)),), ("l2",))
    wide = Parameter("pruning.measure", Options(("l2", "lamp", "scale")), default="l2")
    narrow = Parameter("pruning.measure", Options(("l2", "lamp")), default="l2", only=(local,))
    _, _, measure = switched("pruning.method", {"a": Fake((scope, wide)), "b": Fake((scope, narrow))})
    assert measure.domain == Options(("l2", "lamp", "scale"))
    table = {
        (method, scope): [
            name
            for name in ("l2", "lamp", "scale")
            if measure.problem(name, {"pruning.method": method, "pruning.scope": scope}) is None
        ]
        for method in ("a", "b")
        for scope in ("local", "global")
    }
    assert table == {
        ("a", "local"): ["l2", "lamp", "scale"],
        ("a", "global"): ["l2", "lamp", "scale"],
        ("b", "local"): ["l2"],
        ("b", "global"): ["l2", "lamp"],
    }
