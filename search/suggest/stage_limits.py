"""Limits of stages: so many times what such a stage is expected to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from search.suggest.costs import Costs, Spread

LEAST_S = 60.0
"""No limit is shorter: what takes a moment takes many times that on a machine that is busy."""


@dataclass(frozen=True)
class StageLimits:
    """The limits of a sweep's stages, as far as anything is known of what they take.

    Attributes:
        times: How many times what is expected; without limit, if None.
        expected: What is expected of them before any trial has ended.
    """

    times: float | None = None
    expected: Mapping[str, Spread] = field(default_factory=dict)

    def seconds(self, costs: Costs) -> dict[str, float]:
        """The limit of each kind of stage that is known, by name, given what stages took in this sweep."""
        if self.times is None:
            return {}
        seen = {name: spread for name in costs.known() if (spread := costs.spread(name))}
        names = {**self.expected, **seen}
        return {
            name: max(LEAST_S, self.times * max(each[name].high for each in (self.expected, seen) if name in each))
            for name in names
        }


UNLIMITED = StageLimits()
