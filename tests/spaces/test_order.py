from collections.abc import Sequence

import pytest

from spaces import StepSpec
from spaces.order import distinct, flow_problem, order_parameter, restrict


def test_the_possible_orders_begin_with_the_declared_one(specs: Sequence[StepSpec]) -> None:
    parameter = order_parameter(specs)
    assert parameter.domain.values == ("shrink-cut-round", "cut-shrink-round")
    assert parameter.default == "shrink-cut-round"


def test_a_recipe_sees_the_order_of_its_own_steps() -> None:
    assert restrict("a-b-c", {"c", "a"}) == ("a", "c")
    assert distinct(["a-b-c", "b-a-c", "c-b-a"], {"a", "b"}) == {("a", "b"): "a-b-c", ("b", "a"): "b-a-c"}
    assert distinct(["a-b-c", "b-a-c"], {"a"}) == {("a",): "a-b-c"}
    assert distinct(["a-b-c", "b-a-c"], set()) == {(): "a-b-c"}


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((), None),
        (("cut", "shrink", "round"), None),
        (("shrink", "shrink"), "shrink comes twice; a recipe takes each step once"),
        (("round", "shrink"), "shrink needs a network, and round before it leaves a file; put shrink before round"),
    ],
    ids=["nothing", "networks, then a file", "twice", "a file is no network"],
)
def test_steps_that_cannot_follow_each_other(
    specs: Sequence[StepSpec], names: tuple[str, ...], problem: str | None
) -> None:
    by_name = {spec.name: spec for spec in specs}
    assert flow_problem([by_name[name] for name in names]) == problem
