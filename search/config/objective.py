"""Objectives and constraints on metrics: what a sweep optimises and what it must keep."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.meters import METRICS, Direction
from pipelines.meters.by_target import metric
from pipelines.runtimes.targets import AT, bare, target_of
from spaces import InputError, illegal, shown

Metrics = Mapping[str, float]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOUND = re.compile(rf"\s*(<=|>=|<|>)\s*({_NUMBER})\s*")
NAME = r"\w+(?:@\w+)?"
"""How a metric is named: alone, or with a target."""

_CONSTRAINT = re.compile(rf"\s*({NAME})\s*(<=|>=|<|>)\s*({_NUMBER})\s*")


@dataclass(frozen=True)
class Objective:
    """A metric and which way is better."""

    name: str
    direction: Direction

    def loss(self, metrics: Metrics) -> float:
        """The metric with the sign that makes less better; infinite where it was not measured."""
        value = metrics.get(self.name, -math.inf if self.direction == "maximize" else math.inf)
        return -value if self.direction == "maximize" else value


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric, such as ``accuracy >= 0.95``."""

    name: str
    compare: str
    bound: float

    @classmethod
    def parse(cls, text: str, where: str = "--where") -> Constraint:
        """Read ``accuracy>=0.95``.

        Raises:
            InputError: `text`, given at `where`, is not a bound on a known metric.
        """
        match = _CONSTRAINT.fullmatch(text)
        if not match:
            raise InputError.at(where, f"{shown(text)} is not a constraint; write METRIC<=NUMBER or METRIC>=NUMBER")
        return cls._of(match[1], match[2], match[3], where)

    @classmethod
    def parse_bound(cls, name: str, text: object, where: str) -> Constraint:
        """Read the bound ``>= 0.95`` on the metric called `name`.

        Raises:
            InputError: it is not a bound, or there is no such metric.
        """
        match = _BOUND.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise InputError.at(where, f'{shown(text)} is not a bound; write ">= NUMBER" or "<= NUMBER", in quotes')
        return cls._of(name, match[1], match[2], where)

    @classmethod
    def _of(cls, name: str, compare: str, bound: str, where: str) -> Constraint:
        if bare(name) not in METRICS:
            raise InputError.at(where, illegal(bare(name), list(METRICS)))
        if not math.isfinite(float(bound)):
            raise InputError.at(where, f"{shown(bound)} is too large for a number")
        return cls(name, compare, float(bound))

    def holds(self, metrics: Metrics) -> bool:
        """Return True if `metrics` keeps the bound; what was not measured keeps none."""
        return self.name in metrics and _COMPARE[self.compare](metrics[self.name], self.bound)

    def violation(self, metrics: Metrics) -> float:
        """The amount by which the bound is missed, in the metric's unit; 0 or less if it is kept, as Optuna has it."""
        if self.name not in metrics:
            return math.inf
        miss = metrics[self.name] - self.bound
        return miss if self.compare.startswith("<") else -miss

    def out_of_reach(self, best: float | None) -> str:
        """Return why no value keeps the bound, if `best` is the best value of the metric that there can be.

        Returns:
            Words such as ``accuracy is at most 1``; empty if some value may keep it, or if `best` is not known.
        """
        upwards = metric(self.name).direction == "maximize"
        if best is None or upwards != self.compare.startswith(">") or _COMPARE[self.compare](best, self.bound):
            return ""
        return f"{self.name} is at {'most' if upwards else 'least'} {best:g}"

    def __str__(self) -> str:
        return f"{self.name} {self.compare} {self.bound:.15g}"


def lower_bound(constraints: Iterable[Constraint], name: str) -> float | None:
    """The least value of the metric called `name` that keeps all lower bounds on it, on whatever target.

    Returns:
        None if there is none.
    """
    bounds = [
        c.bound if c.compare == ">=" else math.nextafter(c.bound, math.inf)
        for c in constraints
        if bare(c.name) == name and c.compare.startswith(">")
    ]
    return max(bounds, default=None)


def is_structural(name: str) -> bool:
    """Return True if the metric called `name` is the same whatever the weights are."""
    return metric(name).of_structure


def name_problem(name: object, targets: Sequence[str] | None, legal: Sequence[str] = tuple(METRICS)) -> str | None:
    """Return why `name` is no metric of a sweep, or None.

    Args:
        name: Alone, or with a target behind it.
        targets: The names of the sweep's targets; none, if it has one without a name, and None if they are not known.
        legal: The metrics to choose from.
    """
    if not isinstance(name, str) or bare(name) not in METRICS:
        with_target = f"; each also as NAME@{targets[0]}" if targets else ""
        return illegal(bare(name) if isinstance(name, str) else name, legal) + with_target
    target = target_of(name)
    if AT not in name or targets is None:
        return None
    if not targets:
        return f"names a target, and this sweep has one without a name; write {bare(name)}"
    return None if target in targets else f"{illegal(target, targets)} (its targets)"
