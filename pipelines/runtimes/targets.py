"""The targets of a sweep: one without a name, or several with names, for all of which each recipe's files are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.runtimes.target import Target

AT = "@"
"""Between a metric and the name of the target on which it was taken: ``latency_ms@edge``."""


LONGEST = 150
"""Characters of the word for several targets: file names and keys in MLflow have 250 at most."""


def bare(name: str) -> str:
    """The metric in `name`, without a target."""
    return name.partition(AT)[0]


def target_of(name: str) -> str:
    """The name of the target in the metric called `name`; empty if it names none."""
    return name.partition(AT)[2]


@dataclass(frozen=True)
class Targets:
    """The targets that files are made for and measured on.

    Attributes:
        by_name: Each with its name, in the order of the sweep's file. A single one may have no name, which is empty
            then: its metrics have none behind them.
    """

    by_name: tuple[tuple[str, Target], ...] = (("", Target()),)

    @classmethod
    def only(cls, target: Target) -> Targets:
        """The one that has no name."""
        return cls((("", target),))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each; one that is empty, if there is one without."""
        return tuple(name for name, _ in self.by_name)

    @property
    def named(self) -> tuple[str, ...]:
        """The names by which metrics may name a target; none, if there is one without a name."""
        return tuple(filter(None, self.names))

    @property
    def first(self) -> Target:
        """The first, whose file is what is handed on where only one can be."""
        return self.by_name[0][1]

    @property
    def section(self) -> str:
        """The section of a sweep's file that has them."""
        return "targets" if self.named else "target"

    def __iter__(self) -> Iterator[tuple[str, Target]]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def __getitem__(self, name: str) -> Target:
        return dict(self.by_name)[name]

    def replaced(self, name: str, target: Target) -> Targets:
        """The same with `target` in place of the one called `name`."""
        return Targets(tuple((each, target if each == name else before) for each, before in self.by_name))

    def __str__(self) -> str:
        return "; ".join(f"{name}: {target}" if name else str(target) for name, target in self.by_name)

    @property
    def parts(self) -> tuple[str, ...]:
        """The words that name them: their own names, and the parts of each."""
        return tuple(dict.fromkeys(part for name, target in self.by_name for part in (name, *target.parts) if part))

    @property
    def slug(self) -> str:
        """They in one word, for file names and keys: each name, if there is one, with the parts of its target."""
        return "-".join(f"{name}-{target.slug}" if name else target.slug for name, target in self.by_name)[:LONGEST]

    def to_json(self) -> dict[str, Any]:
        """They as plain data: ``target`` of one without a name, else ``targets`` by name."""
        if not self.named:
            return {"target": self.first.to_json()}
        return {"targets": {name: target.to_json() for name, target in self.by_name}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Targets:
        """The targets among `data`, as `to_json` wrote them."""
        if "targets" not in data:
            return cls.only(Target.from_json(data["target"]))
        return cls(tuple((name, Target.from_json(each)) for name, each in data["targets"].items()))
