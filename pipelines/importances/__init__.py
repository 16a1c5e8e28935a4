"""Measures of what may go. A new one is a file here with an `Importance`, and its line in `IMPORTANCES`."""

from pipelines.importances.importance import Importance
from pipelines.importances.l2 import L2
from spaces import Options, Parameter

IMPORTANCES: dict[str, Importance] = {importance.name: importance for importance in (L2(),)}

IMPORTANCE = Parameter(
    "pruning.importance", Options(tuple(IMPORTANCES)), default="l2", help="by what measure weights are ranked"
)
"""The parameter that pruners share."""

__all__ = ["IMPORTANCE", "IMPORTANCES", "L2", "Importance"]
