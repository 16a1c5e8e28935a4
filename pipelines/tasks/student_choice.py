"""The choice of a student: its depth, its width, and whatever else a task's ``student`` can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from spaces import NONE, Value

GROUP = "student."
"""What the names of the parameters begin with in a space."""

PLAIN = ("depth", "width")
"""The parameters that every task's students may have."""


@dataclass(frozen=True)
class StudentChoice:
    """One of a task's students.

    Attributes:
        depth: Its depth.
        width: The share of the full width that it has.
        own: What else it is made with, by the names of the arguments of the task's ``student``, sorted.
    """

    depth: int
    width: float = 1.0
    own: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> StudentChoice:
        """The choice with `values` by key; without a depth it is 1."""
        own = sorted((key, value) for key, value in values.items() if key not in PLAIN)
        return cls(int(values.get("depth", 1)), float(values.get("width", 1)), tuple(own))

    @property
    def call(self) -> str:
        """The call that makes it, for people: ``student(2, width=0.5, block='basic')``."""
        width = [] if self.width == 1 else [f"width={self.width:g}"]
        return f"student({', '.join([str(self.depth), *width, *(f'{name}={value!r}' for name, value in self.own)])})"

    @property
    def place(self) -> str:
        """Where a sweep's file asks for it."""
        return "space.student.depth" if self.width == 1 and not self.own else "space.student"

    @property
    def told(self) -> dict[str, Value]:
        """Its values by key."""
        return {"depth": self.depth, "width": self.width, **dict(self.own)}

    @property
    def axes(self) -> dict[str, Value]:
        """Its values by the full names of the parameters."""
        return {f"{GROUP}{key}": value for key, value in self.told.items()}


def all_choices(values: Mapping[str, Sequence[Value]]) -> Iterator[StudentChoice]:
    """Every student that can be chosen where each key has one of its `values`; ``none`` is no depth."""
    for chosen in product(*values.values()):
        given = dict(zip(values, chosen, strict=True))
        if given.get("depth", NONE) != NONE:
            yield StudentChoice.of(given)
