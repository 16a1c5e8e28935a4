"""The plan of a sweep, as far as its file tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import Task
from search.config.sweep_config import SweepConfig
from search.planning.advice import warnings
from spaces import Rule, SearchSpace


@dataclass(frozen=True)
class Plan:
    """The plan of a sweep.

    Attributes:
        recipes: How many recipes may be tried.
        excluded: How many are ruled out.
        rules: What rules them out, and how many recipes each rule costs; one may be counted with several.
        orders: For each order that may be chosen, how many recipes take it where another would mean something else.
        trials: How many trials there will be at most: as many as were asked for, and no more than recipes, and the
            uncompressed teacher.
        warnings: What is tried in vain.
    """

    recipes: int
    excluded: int
    rules: Mapping[Rule, int]
    orders: Mapping[str, int]
    trials: int
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, config: SweepConfig, task: Task) -> Plan:
        """The plan of the sweep `config` of `task`."""
        space, most = config.space, 1 + config.space.size(compressed=True)
        return cls(
            recipes=space.size(),
            excluded=space.excluded(),
            rules=space.ruled_out(),
            orders=_orders(space),
            trials=min(config.search.trials or most, most),
            warnings=tuple(warnings(config, task)),
        )

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "recipes": self.recipes,
            "excluded": self.excluded,
            "rules": rules_json(self.rules),
            "orders": dict(self.orders),
            "trials": self.trials,
            "warnings": list(self.warnings),
        }


def rules_json(rules: Mapping[Rule, int]) -> list[dict[str, Any]]:
    """The rules and the recipes that they rule out, as plain data."""
    return [{"combination": rule.combination, "reason": rule.reason, "recipes": count} for rule, count in rules.items()]


def _orders(space: SearchSpace) -> dict[str, int]:
    return {order: sum(region.count for region in space.regions if region.order == order) for order in space.orders}
