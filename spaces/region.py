"""The recipes of a space, as few regions instead of many points: within one, every rule says the same of all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from random import Random

from spaces.axis import Axis
from spaces.box import Box, Part, count, parts
from spaces.order import ORDER, distinct
from spaces.parameter import Params, Value
from spaces.rule import Rule
from spaces.step import StepSpec


@dataclass(frozen=True)
class Region:
    """Recipes with the same steps in the same order that break the same rules.

    Attributes:
        parts: What each step does, in the order of the steps' declaration.
        sequence: The steps that are on, in the order in which they are taken.
        order: The value of the parameter ``order``, or None where every order means the same.
        broken: The rules that its recipes break.
    """

    parts: tuple[Part, ...]
    sequence: tuple[str, ...]
    order: str | None
    broken: tuple[Rule, ...]

    @cached_property
    def count(self) -> int:
        """The number of recipes."""
        return math.prod(part.count for part in self.parts)

    def boxes(self) -> Iterator[Box]:
        """The region's boxes, over the parameters of all steps and the order."""
        order: Box = {ORDER: (self.order,)} if self.order else {}
        for boxes in product(*(part.boxes for part in self.parts)):
            yield {name: values for box in (*boxes, order) for name, values in box.items()}

    def draw(self, rng: Random) -> dict[str, Value]:
        """The parameters of one of its recipes, each equally likely."""
        params: dict[str, Value] = {ORDER: self.order} if self.order else {}
        for part in self.parts:
            (box,) = rng.choices(part.boxes, weights=[count(box) for box in part.boxes])
            params |= {name: rng.choice(values) for name, values in box.items()}
        return params


def regions(
    steps: Sequence[StepSpec], axes: Mapping[str, Axis], orders: Sequence[str], rules: Sequence[Rule]
) -> Iterator[Region]:
    """All regions of a space, those that are ruled out too; no recipe is in two of them.

    Args:
        steps: The steps, as declared.
        axes: The axes by their parameter's name.
        orders: The orders that may be chosen.
        rules: What is ruled out.
    """
    known = {parameter.name for step in steps for parameter in step.parameters}
    possible = {index for index, rule in enumerate(rules) if all(when.name in known for when in rule.when)}
    for chosen in product(*(parts(step, axes, rules) for step in steps)):
        on = {step.name for step, part in zip(steps, chosen, strict=True) if part.on}
        met = possible.intersection(*(part.meets for part in chosen))
        ways = distinct(orders, on)
        for sequence, order in ways.items():
            broken = tuple(rules[index] for index in sorted(met) if rules[index].concerns(sequence))
            yield Region(chosen, sequence, order if len(ways) > 1 else None, broken)


def nearest(among: Sequence[Region], params: Params) -> dict[str, Value]:
    """Return the nearest of `params`: as few change, come or go as it takes to be in one of the regions `among`.

    A number that has to change becomes the nearest one, another value any of those that may stand there. The same
    `params` always become the same.
    """
    rng = Random(str(sorted(params.items())))
    boxes: dict[int, tuple[int, Box]] = {}

    def best(part: Part) -> tuple[int, Box]:
        if id(part) not in boxes:
            boxes[id(part)] = min(((_distance(box, params), box) for box in part.boxes), key=lambda found: found[0])
        return boxes[id(part)]

    def distance(region: Region) -> int:
        order = 0 if params.get(ORDER) == region.order else 1
        return order + sum(best(part)[0] for part in region.parts)

    distances = [distance(region) for region in among]
    least = min(distances)
    region = rng.choice([region for region, far in zip(among, distances, strict=True) if far == least])
    moved: dict[str, Value] = {ORDER: region.order} if region.order else {}
    for part in region.parts:
        moved |= {name: _move(params.get(name), values, rng) for name, values in best(part)[1].items()}
    return moved


def _distance(box: Box, params: Params) -> int:
    """Count the `params` that change, come or go on the way into `box`, less a number common to all boxes."""
    return sum(-int(params[name] in values) if name in params else 1 for name, values in box.items())


def _move(value: Value | None, values: Sequence[Value], rng: Random) -> Value:
    if value is not None and value in values:
        return value
    if isinstance(value, (int, float)) and all(isinstance(other, (int, float)) for other in values):
        return min(values, key=lambda other: abs(float(other) - value))
    return rng.choice(values)
