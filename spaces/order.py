"""The order of steps: which are possible, and which of them mean something different."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import permutations

from spaces.errors import illegal, listed, shown
from spaces.parameter import Options, Parameter
from spaces.step import StepSpec

ORDER = "order"
"""The name of the order among a recipe's parameters, and its key in the ``space`` section of a sweep's file."""


def split(order: str) -> tuple[str, ...]:
    """The names of the steps in ``distil-prune-quantize``."""
    return tuple(order.split("-"))


def join(steps: Sequence[str]) -> str:
    """The order of `steps`, as it is written in a sweep's file."""
    return "-".join(steps)


def restrict(order: str, on: Collection[str]) -> tuple[str, ...]:
    """The steps of `order` that are `on`: all that a recipe sees of it."""
    return tuple(name for name in split(order) if name in on)


def distinct(orders: Sequence[str], on: Collection[str]) -> dict[tuple[str, ...], str]:
    """The sequences in which `orders` put the steps that are `on`, each with the first order that does."""
    found: dict[tuple[str, ...], str] = {}
    for order in orders:
        found.setdefault(restrict(order, on), order)
    return found


def flow_problem(steps: Sequence[StepSpec]) -> str | None:
    """Return why `steps` cannot follow each other so, or None if they can."""
    for index, step in enumerate(steps):
        if step in steps[:index]:
            return f"{step.name} comes twice; a recipe takes each step once"
        before = next((other for other in steps[:index] if other.gives == "file"), None)
        if before and step.takes == "network":
            return (
                f"{step.name} needs a network, and {before.name} before it leaves a file; "
                f"put {step.name} before {before.name}"
            )
    return None


@dataclass(frozen=True)
class Orders(Options):
    """The domain of the order: `values` are the possible ones.

    Attributes:
        steps: The steps that an order names, each once.
    """

    steps: tuple[StepSpec, ...] = ()

    @classmethod
    def of(cls, steps: Sequence[StepSpec]) -> Orders:
        """Every order in which `steps` are possible, the given one first."""
        legal = (order for order in permutations(steps) if not flow_problem(order))
        return cls(tuple(join([step.name for step in order]) for order in legal), tuple(steps))

    def problem(self, value: object) -> str | None:
        """Return why `value` is not a possible order, or None if it is."""
        if value in self.values:
            return None
        by_name = {step.name: step for step in self.steps}
        names = split(value) if isinstance(value, str) else ()
        if not names or any(name not in by_name for name in names):
            return illegal(value, self.values)
        if reason := flow_problem([by_name[name] for name in names]):
            return f"{shown(value)} cannot be: {reason}; legal: {listed(self.values)}"
        missing = ", ".join(name for name in by_name if name not in names)
        return f"{shown(value)} lacks {missing}; an order names every step, switched on or not"


def order_parameter(steps: Sequence[StepSpec]) -> Parameter:
    """The order as a parameter; the order of `steps` is its default."""
    orders = Orders.of(steps)
    return Parameter(ORDER, orders, default=join([step.name for step in steps]), help="in which order steps are taken")
