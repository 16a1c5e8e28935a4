"""Measures of what may go. A new one is a file here with an `Importance`, and its line in `IMPORTANCES`."""

from collections.abc import Mapping, Sequence

from pipelines.importances.bn_scale import BatchNormScale
from pipelines.importances.chance import Chance
from pipelines.importances.importance import Importance, Scope, Unit
from pipelines.importances.l1 import L1
from pipelines.importances.l2 import L2
from pipelines.importances.lamp import Lamp
from pipelines.importances.taylor import Taylor
from spaces import Only, Options, Parameter, When

IMPORTANCES: dict[str, Importance] = {
    importance.name: importance for importance in (L2(), L1(), Taylor(), Lamp(), BatchNormScale(), Chance())
}


_RANKING: Mapping[Scope, When] = {
    "local": When("pruning.scope", ("global",), negated=True),
    "global": When("pruning.scope", ("global",)),
}
"""When units are ranked so: ratios by sensitivity are shared out to layers, in each of which units are ranked."""


def importance_of(unit: Unit, scopes: Sequence[Scope] = ("local", "global")) -> Parameter:
    """The parameter ``pruning.importance`` of a pruner that removes `unit`.

    Args:
        unit: What it ranks: only measures that can rank it are legal.
        scopes: How it can rank. If that is a choice, it has the parameter ``pruning.scope``, declared before.
    """
    fitting = [importance for importance in IMPORTANCES.values() if unit in importance.units]
    names = {scope: tuple(i.name for i in fitting if scope in i.scopes) for scope in scopes}
    everything = tuple(i.name for i in fitting if set(i.scopes) & set(scopes))
    restrictions = (Only((_RANKING[scope],), names[scope]) for scope in scopes)
    return Parameter(
        "pruning.importance",
        Options(everything),
        default="l2",
        help="by what measure units are ranked",
        only=tuple(only for only in restrictions if only.values != everything),
    )


__all__ = [
    "IMPORTANCES",
    "L1",
    "L2",
    "BatchNormScale",
    "Chance",
    "Importance",
    "Lamp",
    "Scope",
    "Taylor",
    "Unit",
    "importance_of",
]
