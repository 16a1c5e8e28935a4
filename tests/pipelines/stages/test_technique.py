import re
from dataclasses import dataclass, replace

import pytest

from pipelines import METRICS, STEPS
from pipelines.declaration import Declaration
from pipelines.stages.technique import gains_of, rules_of, switched
from spaces import Gain, Interval, Options, Parameter, Rule, StepSpec, When

NOTHING = Declaration()


@dataclass
class Fake:
    parameters: tuple[Parameter, ...] = ()
    declares: Declaration = NOTHING


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
    wide = Parameter("pruning.measure", Options(("l2", "lamp", "scale")), default="l2")
    narrow = Parameter("pruning.measure", Options(("l2", "lamp")), default="l2")
    techniques = {"a": Fake((wide,)), "b": Fake((narrow,)), "c": Fake((narrow,)), "d": Fake()}
    _, measure = switched("pruning.method", techniques)
    assert measure.domain == Options(("l2", "lamp", "scale"))
    assert rules_of("pruning.method", techniques) == (
        Rule(
            "legal there: l2, lamp",
            when=(When("pruning.method", ("b", "c")), When("pruning.measure", ("scale",))),
        ),
    )


def ruled(*rules: Rule) -> Fake:
    return Fake(declares=Declaration(rules=rules, improves=("size_zstd_mb",)))


ODD = Rule("odd", when=(When("pruning.ratio", (0.3,)),), sequence=("prune", "quantize"))
BAD = Rule("bad", when=(When("quantization.scheme", ("int8",)),))


def test_a_techniques_rules_are_about_the_technique() -> None:
    techniques = {"a": ruled(ODD, BAD), "b": ruled(ODD), "c": Fake()}
    assert rules_of("pruning.method", techniques) == (
        Rule("odd", when=(When("pruning.method", ("a", "b")), *ODD.when), sequence=("prune", "quantize")),
        Rule("bad", when=(When("pruning.method", ("a",)), *BAD.when)),
    )


def test_a_technique_that_says_nothing_may_improve_anything() -> None:
    gains = gains_of("pruning.method", {"a": ruled(), "c": Fake()})
    assert gains == (Gain(When("pruning.method", ("a",)), ("size_zstd_mb",)),)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_what_a_technique_improves_is_measured(step: StepSpec) -> None:
    assert {metric for gain in step.gains for metric in gain.metrics} <= METRICS.keys()
    assert {gain.when.name for gain in step.gains} <= {parameter.name for parameter in step.parameters}
