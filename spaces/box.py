"""The choices of one step, as few boxes instead of many points."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from spaces.axis import Axis
from spaces.parameter import NONE, Parameter, Value, When
from spaces.rule import Rule
from spaces.step import StepSpec

Box = Mapping[str, tuple[Value, ...]]
"""For each parameter that applies, by full name, values of which any may be taken with any of the others."""


def count(box: Box) -> int:
    """Return the number of choices in `box`."""
    return math.prod(len(values) for values in box.values())


@dataclass(frozen=True)
class Part:
    """Choices of one step that no rule tells apart.

    Attributes:
        on: Whether the step is taken.
        meets: The rules, by their index, of whose conditions those on this step hold (all of them, if it has none).
        boxes: The choices; no choice is in two boxes.
    """

    on: bool
    meets: frozenset[int]
    boxes: tuple[Box, ...]

    @cached_property
    def count(self) -> int:
        """The number of choices."""
        return sum(count(box) for box in self.boxes)


def parts(step: StepSpec, axes: Mapping[str, Axis], rules: Sequence[Rule]) -> tuple[Part, ...]:
    """All that `step` may do on `axes` (by parameter), in as many parts as `rules` tell apart."""
    own = {parameter.name for parameter in step.parameters}
    conditions = {
        *(when for parameter in step.parameters for when in parameter.when),
        *(when for rule in rules for when in rule.when),
        When(step.switch.name, (NONE,)),
    }
    grouped: dict[tuple[bool, frozenset[int]], list[Box]] = {}
    for box in _boxes(step, axes, conditions):
        params = example(box)
        meets = frozenset(
            index
            for index, rule in enumerate(rules)
            if all(when.holds(params) for when in rule.when if when.name in own)
        )
        grouped.setdefault((params[step.switch.name] != NONE, meets), []).append(box)
    return tuple(Part(on, meets, tuple(boxes)) for (on, meets), boxes in grouped.items())


def example(box: Box) -> dict[str, Value]:
    """The first choice in `box`."""
    return {name: values[0] for name, values in box.items()}


def _boxes(step: StepSpec, axes: Mapping[str, Axis], conditions: Collection[When]) -> list[Box]:
    """The choices of `step`; the values of one box meet the same `conditions`."""
    partial: list[Box] = [{}]
    for parameter in step.parameters:
        grown: list[Box] = []
        for box in partial:
            params = example(box)
            on = parameter is step.switch or params[step.switch.name] != NONE
            if on and parameter.applies(params):
                groups = _groups(parameter, axes[parameter.name].values, conditions)
                grown += [{**box, parameter.name: values} for values in groups]
            else:
                grown.append(box)
        partial = grown
    return partial


def _groups(parameter: Parameter, values: Sequence[Value], conditions: Collection[When]) -> list[tuple[Value, ...]]:
    about = [when for when in conditions if when.name == parameter.name]
    groups: dict[tuple[bool, ...], list[Value]] = {}
    for value in values:
        groups.setdefault(tuple(value in when.values for when in about), []).append(value)
    return [tuple(group) for group in groups.values()]
