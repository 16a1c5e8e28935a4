"""One dimension of a search: the values that a sweep tries for one parameter."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spaces.errors import Problem, listed, shown
from spaces.parameter import Parameter, Value

MOST_VALUES = 1_000
"""How many values one axis may have: more can never be tried, and every one of them is looked at beforehand."""


@dataclass(frozen=True)
class Axis:
    """The values tried for the parameter called `name`.

    Attributes:
        name: The parameter's full name.
        values: At least one value, in the order of the sweep's file.
        step: The distance between neighbours if the axis was given as a range, else None (a plain choice).
    """

    name: str
    values: tuple[Value, ...]
    step: float | None = None


def parse_axis(parameter: Parameter, given: object) -> tuple[Axis | None, list[Problem]]:
    """Read what a sweep's file gives for `parameter`: one value, a list, or ``{low, high, step}``.

    Returns:
        The axis of the legal values, or None if there are none, and every problem found.
    """
    if isinstance(given, Mapping):
        return _parse_range(parameter, given)
    values: list[Any] = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(values) > MOST_VALUES:
        return None, [Problem(parameter.name, f"{len(values)} values; legal: at most {MOST_VALUES}")]
    legal: list[Value] = []
    illegal: list[str] = []
    repeated: list[str] = []
    for index, value in enumerate(values):
        if value in values[:index]:
            if value in legal:  # else it is told already
                repeated.append(f"{shown(value)} is given twice")
        elif message := parameter.domain.problem(value):
            illegal.append(message)
        else:
            legal.append(value)
    messages = [*illegal, *repeated] if values else ["an empty list; give at least one value"]
    axis = Axis(parameter.name, tuple(legal)) if legal else None
    return axis, [Problem(parameter.name, message) for message in messages]


def _parse_range(parameter: Parameter, given: Mapping[Any, Any]) -> tuple[Axis | None, list[Problem]]:
    wrong = _range_problem(given)
    if wrong:
        return None, [Problem(parameter.name, wrong)]
    low, high, step = (given[key] for key in ("low", "high", "step"))
    # Rounding keeps 0.1 + 2 * 0.1 at 0.3: equal values must have equal digests.
    count = int((high - low) / step + 1e-9) + 1
    values = [_tidy(low + index * step) for index in range(count)]
    if len(set(values)) < count:
        small = f"step {step!r} is too small: {low!r} and {low + step!r} are one value here"
        return None, [Problem(parameter.name, small)]
    if all(isinstance(end, int) for end in (low, high, step)):
        values = [int(value) for value in values]
    problems = [
        Problem(parameter.name, message)
        for end in dict.fromkeys((values[0], values[-1]))
        if (message := parameter.domain.problem(end))
    ]
    legal = tuple(value for value in values if not parameter.domain.problem(value)) if problems else tuple(values)
    axis = Axis(parameter.name, legal, step=step if len(legal) > 1 else None) if legal else None
    return axis, problems


def _range_problem(given: Mapping[Any, Any]) -> str | None:
    form = "a range is written {low: …, high: …, step: …}"
    if unknown := sorted(str(key) for key in given if key not in ("low", "high", "step")):
        return f"unknown key {listed(unknown)}; {form}"
    if "step" not in given and {"low", "high"} <= set(given):
        return f"step is missing: trials share work only where values repeat; {form}"
    for key in ("low", "high", "step"):
        value = given.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
            return f"{key} is {shown(value)}, not a number; {form}"
    low, high, step = given["low"], given["high"], given["step"]
    if step <= 0:
        return f"step is {step!r}; it must be above 0"
    if low > high:
        return f"low {low!r} is above high {high!r}"
    if (high - low) / step >= MOST_VALUES:
        return f"from {low!r} to {high!r} by {step!r} makes more than {MOST_VALUES} values; raise the step"
    return None


def _tidy(number: float) -> float:
    return float(f"{number:.10g}")
