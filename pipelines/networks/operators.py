"""The rule of each operator that does not work element by element, by its name in ATen."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.networks.rules import elements, layers, parts, places, products, reductions, shapes
from pipelines.networks.rules.rule import Rule

OPERATORS: Mapping[str, Rule] = {
    **elements.RULES,
    **shapes.RULES,
    **parts.RULES,
    **products.RULES,
    **layers.RULES,
    **places.RULES,
    **reductions.RULES,
}
