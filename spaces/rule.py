"""A combination that is never tried, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spaces.parameter import Params, When


@dataclass(frozen=True)
class Rule:
    """Rules out recipes that are impossible or pointless; declared with the step or technique that it concerns.

    A rule may name parameters and values that do not exist (yet): then it rules out nothing.

    Attributes:
        reason: Why such a recipe is never tried, in words that can stand after a colon.
        when: Conditions on parameters, by their full names, all of which hold for a recipe that is ruled out.
        sequence: Steps that follow directly on each other, in this order, in a recipe that is ruled out.
    """

    reason: str
    when: tuple[When, ...] = ()
    sequence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.when and not self.sequence:
            raise ValueError(f"a rule without a condition would rule out everything: {self.reason!r}")

    @property
    def combination(self) -> str:
        """The combination that it rules out, such as ``prune → distil, distillation.alpha 0``."""
        return ", ".join(
            [" → ".join(self.sequence)] * bool(self.sequence) + [str(condition) for condition in self.when]
        )

    def broken_by(self, params: Params, steps: Sequence[str]) -> bool:
        """Return True if a recipe of `steps`, in their order, with `params` (by full name) is ruled out."""
        return self.concerns(steps) and all(condition.holds(params) for condition in self.when)

    def concerns(self, steps: Sequence[str]) -> bool:
        """Return True if `steps`, in their order, have the sequence that the rule is about."""
        length = len(self.sequence)
        return any(tuple(steps[at : at + length]) == self.sequence for at in range(len(steps) - length + 1))

    def __str__(self) -> str:
        return f"{self.combination}: {self.reason}"
