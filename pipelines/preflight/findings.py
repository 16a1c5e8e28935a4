"""Findings of preflight."""

from __future__ import annotations

from dataclasses import dataclass, field

from spaces import Problem, Rule, counted

MOST_NAMES = 6
"""So many networks with the same fault are named; more are counted."""


@dataclass
class Findings:
    """Problems of a sweep, gathered while it is tried.

    Attributes:
        rules: Combinations that cannot work, where the sweep has others in their place.
        warnings: What works, but most likely not as it is meant.
    """

    rules: list[Rule] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _told: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def add(self, where: str, message: str, who: str = "") -> None:
        """Note that `who` is wrong, with what can be said of it in `message`; the same of several is told once."""
        _, names = self._told.setdefault(message, (where, []))
        if who and who not in names:
            names.append(who)

    @property
    def problems(self) -> list[Problem]:
        """The problems that have to be solved before the sweep can run."""
        return [Problem(where, f"{_joined(names)}{message}") for message, (where, names) in self._told.items()]


def _joined(names: list[str]) -> str:
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES - 1])} and {counted(len(names) - MOST_NAMES + 1, 'other')}"
