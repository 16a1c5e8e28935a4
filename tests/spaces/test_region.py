from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from spaces import Axis, Rule, StepSpec, When
from spaces.region import Region, nearest, regions

AXES = {
    axis.name: axis
    for axis in (
        Axis("student.depth", ("none", 1)),
        Axis("teaching.alpha", (0, 0.5)),
        Axis("teaching.temperature", (2, 4)),
        Axis("cutting.method", ("none", "channel")),
        Axis("cutting.ratio", (0.25, 0.5, 0.75)),
        Axis("rounding.scheme", ("none",)),
        Axis("rounding.finder", ("minmax",)),
    )
}
"""A student in 1 + 2 ways, or none; a cut in 3 ways, or none."""

ORDERS = ("shrink-cut-round", "cut-shrink-round")

LARGE = Rule("too much of it", when=(When("student.depth", (1,)), When("cutting.ratio", (0.75,))))
LATE = Rule("too late", when=(When("teaching.alpha", (0,)),), sequence=("cut", "shrink"))


def points(region: Region) -> list[dict]:
    return [dict(zip(box, values, strict=True)) for box in region.boxes() for values in product(*box.values())]


@pytest.fixture
def all_regions(specs: Sequence[StepSpec]) -> list[Region]:
    return list(regions(specs, AXES, ORDERS, (LARGE, LATE)))


def test_every_recipe_is_in_one_region(all_regions: list[Region]) -> None:
    everything = [tuple(sorted(point.items())) for region in all_regions for point in points(region)]
    assert len(everything) == len(set(everything)) == sum(region.count for region in all_regions)
    # neither, a student, a cut, and both in either order
    assert len(everything) == 1 + 3 + 3 + 2 * 3 * 3


def test_an_order_is_told_only_where_another_would_mean_something_else(all_regions: list[Region]) -> None:
    for region in all_regions:
        assert (region.order is None) == (len(region.sequence) < 2)
    assert {region.order for region in all_regions if region.order} == set(ORDERS)


def test_one_region_breaks_the_same_rules_throughout(all_regions: list[Region]) -> None:
    for region in all_regions:
        for point in points(region):
            assert region.broken == tuple(rule for rule in (LARGE, LATE) if rule.broken_by(point, region.sequence))
    # A ratio of 0.75 beside each of 3 students, in either order; alpha 0 after each of 3 cuts.
    assert sum(region.count for region in all_regions if LARGE in region.broken) == 2 * 3
    assert sum(region.count for region in all_regions if LATE in region.broken) == 3


def test_what_is_drawn_is_in_the_region(all_regions: list[Region]) -> None:
    rng = Random(0)
    for region in all_regions:
        drawn = [region.draw(rng) for _ in range(60)]
        found = points(region)
        assert all(point in found for point in drawn)
        assert all(point in drawn for point in found)


def test_the_nearest_changes_as_little_as_it_takes(all_regions: list[Region]) -> None:
    legal = [region for region in all_regions if not region.broken]
    bad = {"student.depth": 1, "teaching.alpha": 0.5, "teaching.temperature": 4, "cutting.method": "channel"}
    bad |= {"cutting.ratio": 0.75, "rounding.scheme": "none", "order": ORDERS[0]}
    assert nearest(legal, bad) == nearest(legal, bad) == {**bad, "cutting.ratio": 0.5}
    fine = {**bad, "cutting.ratio": 0.25}
    assert nearest(legal, fine) == fine


def test_a_rule_about_a_parameter_that_does_not_exist_breaks_nothing(specs: Sequence[StepSpec]) -> None:
    unknown = replace(LARGE, when=(*LARGE.when, When("nailing.size", (3,), negated=True)))
    assert all(not region.broken for region in regions(specs, AXES, ORDERS, (unknown,)))
