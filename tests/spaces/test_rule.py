import re

import pytest

from spaces import Rule, When

RULE = Rule("too late", (When("g.a", (1,)), When("h.b", ("x", "y"), negated=True)), ("cut", "shrink"))


def test_it_says_what_it_rules_out_and_why() -> None:
    assert str(RULE) == "cut → shrink, g.a 1, h.b other than x or y: too late"
    assert str(Rule("bad", when=(When("g.a", ("x",)),))) == "g.a x: bad"
    assert str(Rule("bad", sequence=("cut", "shrink"))) == "cut → shrink: bad"


@pytest.mark.parametrize(
    ("params", "steps", "broken"),
    [
        ({"g.a": 1, "h.b": "z"}, ("cut", "shrink"), True),
        ({"g.a": 1, "h.b": "z"}, ("plane", "cut", "shrink", "round"), True),
        ({"g.a": 2, "h.b": "z"}, ("cut", "shrink"), False),
        ({"g.a": 1, "h.b": "x"}, ("cut", "shrink"), False),
        ({"g.a": 1}, ("cut", "shrink"), False),
        ({"g.a": 1, "h.b": "z"}, ("shrink", "cut"), False),
        ({"g.a": 1, "h.b": "z"}, ("cut", "plane", "shrink"), False),
        ({"g.a": 1, "h.b": "z"}, ("cut",), False),
        ({"g.a": 1, "h.b": "z"}, (), False),
    ],
    ids=[
        "all hold", "among others", "one does not", "a negated one does not", "one is inactive", "other order",
        "not directly", "one step is missing", "no steps",
    ],
)  # fmt: skip
def test_conditions_and_sequence_must_hold_together(params: dict, steps: tuple[str, ...], broken: bool) -> None:
    assert RULE.broken_by(params, steps) is broken


def test_a_rule_without_conditions_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=re.escape("a rule without a condition would rule out everything: 'so'")):
        Rule("so")
