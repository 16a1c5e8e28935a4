"""Properties of a recipe's file that are known before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS
from pipelines.stages.distil import DISTIL
from pipelines.stages.prune import PRUNE
from pipelines.stages.quantize import QUANTIZE
from pipelines.stages.technique import Technique
from spaces import Params, Recipe

Knows = Callable[[Params], bool]


def has_known_structure(recipe: Recipe) -> bool:
    """Return True if the structure of `recipe`'s file depends on nothing that is learned in training.

    Then the file that is built with ``fidelity=0`` (see `pipelines.evaluator.Evaluator`) has the operators, the shapes
    and the size of the one that is trained, and measures for every metric that is `Metric.of_structure` what that one
    will. What a technique does not say of itself is not known. A student's structure is its depth and its width.
    """
    return all(step.name in _KNOWS and _KNOWS[step.name](step.params) for step in recipe.steps)


def _said_by(techniques: Mapping[str, Technique], switch: str) -> Knows:
    """Return what the technique that the parameter `switch` selects declares: see `Declaration.knows_structure`."""
    return lambda params: techniques[str(params[switch])].declares.knows_structure(params)


_KNOWS: Mapping[str, Knows] = {
    DISTIL.name: lambda params: True,
    PRUNE.name: _said_by(PRUNERS, PRUNE.switch.key),
    QUANTIZE.name: _said_by(QUANTIZERS, QUANTIZE.switch.key),
}
"""By the name of the step, given its parameters by key."""
