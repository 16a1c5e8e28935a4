"""Parameters of a compression step, their legal values, and when each applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from spaces.errors import illegal, shown

Value = str | int | float | bool
Params = Mapping[str, Value]

NONE = "none"
"""The value of a step's switch that leaves the step out."""


@dataclass(frozen=True)
class Options:
    """A parameter's domain: any one of `values`."""

    values: tuple[Value, ...]

    def problem(self, value: object) -> str | None:
        """Return why `value` is not in the domain, or None if it is."""
        known = any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in self.values)
        return None if known else illegal(value, self.values)


@dataclass(frozen=True)
class Interval:
    """A parameter's domain: the numbers between `low` and `high`, ends included unless marked open.

    Both ends are finite: a number that is too large is a slip, and told before it costs hours or all memory.

    Attributes:
        integer: Only whole numbers.
        open_low: `low` itself is excluded.
        open_high: `high` itself is excluded.
    """

    low: float
    high: float
    integer: bool = False
    open_low: bool = False
    open_high: bool = False

    def problem(self, value: object) -> str | None:
        """Return why `value` is not in the domain, or None if it is."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            return f"{shown(value)} is not {'a whole number' if self.integer else 'a number'}; legal: {self}"
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        if not above or not below:
            return f"{shown(value)} is out of range; legal: {self}"
        if self.integer and not isinstance(value, int):
            return f"{value!r} is not a whole number; " + (f"write {value:.0f}" if value % 1 == 0 else f"legal: {self}")
        return None

    def __str__(self) -> str:
        kind = "whole number" if self.integer else "number"
        low, high = f"{'>' if self.open_low else '>='}", f"{'<' if self.open_high else '<='}"
        ends = [f"{end:.15g}" if isinstance(end, float) else str(end) for end in (self.low, self.high)]
        return f"a {kind} {low} {ends[0]} and {high} {ends[1]}"


@dataclass(frozen=True)
class AnyValue:
    """A parameter's domain: any text, number or truth value; what of it is legal, somebody else says."""

    def problem(self, value: object) -> str | None:
        """Return why `value` is not in the domain, or None if it is."""
        if isinstance(value, (str, bool, int)) or (isinstance(value, float) and abs(value) < float("inf")):
            return None
        return f"{shown(value)} is not {self}"

    def __str__(self) -> str:
        return "a text, a number, true or false"


@dataclass(frozen=True)
class When:
    """A condition: parameter `name` has one of `values`, or none of them if `negated`."""

    name: str
    values: tuple[Value, ...]
    negated: bool = False

    def holds(self, params: Params) -> bool:
        """Return True if `params` meets the condition; a parameter that is itself inactive meets none."""
        return self.name in params and (params[self.name] in self.values) != self.negated

    def __str__(self) -> str:
        return f"{self.name} {'other than ' if self.negated else ''}{' or '.join(map(str, self.values))}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a step, named ``group.key`` as in a sweep's file.

    Attributes:
        name: Full name, such as ``quantization.calibrator``.
        domain: The legal values.
        default: The value when the sweep's file does not name the parameter; None if it must.
        when: Conditions, all of which must hold for the parameter to apply.
        help: One line for people.
    """

    name: str
    domain: Options | Interval | AnyValue
    default: Value | None = None
    when: tuple[When, ...] = ()
    help: str = ""

    @cached_property
    def group(self) -> str:
        """The section of the sweep's file: what stands before the dot."""
        return self.name.partition(".")[0]

    @cached_property
    def key(self) -> str:
        """The key within its section: what stands after the dot."""
        return self.name.partition(".")[2]

    def applies(self, params: Params) -> bool:
        """Return True if the parameter means anything beside the other values in `params`."""
        return not self.when or all(condition.holds(params) for condition in self.when)
