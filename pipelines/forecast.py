"""What is known of a recipe's file before its networks are trained."""

from __future__ import annotations

from pipelines.pruners.options import SCOPE, value_of
from pipelines.quantizers.parameters import KEEP_FLOAT
from pipelines.stages.prune import PRUNE
from pipelines.stages.quantize import QUANTIZE
from spaces import Params, Recipe

_FIXED_PRUNERS = ("channel", "ffn", "heads", "n:m", "unstructured")
_WEIGHED_SCHEMES = ("cluster",)


def has_known_structure(recipe: Recipe) -> bool:
    """Whether the form of every layer of `recipe`'s file follows from the recipe and not from trained weights.

    It does not where what is cut is ranked over the whole network or by a sensitivity analysis, where layers are left
    in floating point by their sensitivity, and where weights are stored in as many bytes as their values need.
    """
    return all(_is_known(step.name, step.params) for step in recipe.steps)


def _is_known(step: str, params: Params) -> bool:
    if step == PRUNE.name:
        is_local = value_of(SCOPE, params) == SCOPE.default
        return params["method"] in _FIXED_PRUNERS and is_local and params.get("finetune") != "if-needed"
    if step == QUANTIZE.name:
        return params["scheme"] not in _WEIGHED_SCHEMES and not params.get(KEEP_FLOAT.key)
    return True
