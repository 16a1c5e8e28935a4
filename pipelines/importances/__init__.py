"""Measures of what may go. A new one is a file here with an `Importance`, and its line in `IMPORTANCES`."""

from collections.abc import Sequence

from pipelines.importances.bn_scale import BatchNormScale
from pipelines.importances.chance import Chance
from pipelines.importances.importance import Importance, Scope, Unit
from pipelines.importances.l1 import L1
from pipelines.importances.l2 import L2
from pipelines.importances.lamp import Lamp
from pipelines.importances.taylor import Taylor
from spaces import Options, Parameter, Rule, When

IMPORTANCES: dict[str, Importance] = {
    importance.name: importance for importance in (L2(), L1(), Taylor(), Lamp(), BatchNormScale(), Chance())
}


def importance_of(unit: Unit, scopes: Sequence[Scope] = ("local", "global")) -> Parameter:
    """The parameter ``pruning.importance`` of a pruner that removes `unit`.

    Args:
        unit: What it ranks: only measures that can rank it are legal.
        scopes: How it can rank. If that is a choice, the pruner has the rule `GLOBAL_ONLY` too.
    """
    fitting = (i.name for i in IMPORTANCES.values() if unit in i.units and set(i.scopes) & set(scopes))
    return Parameter(
        "pruning.importance", Options(tuple(fitting)), default="l2", help="by what measure units are ranked"
    )


GLOBAL_ONLY = Rule(
    "within one layer it ranks as l2 does; set pruning.scope to global",
    when=(
        When("pruning.scope", ("global",), negated=True),
        When("pruning.importance", tuple(i.name for i in IMPORTANCES.values() if i.scopes == ("global",))),
    ),
)
"""The rule of pruners that rank either way: some measures say something of their own about all layers only."""


__all__ = [
    "GLOBAL_ONLY",
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
