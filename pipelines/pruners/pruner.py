"""The protocol of pruners."""

from __future__ import annotations

from typing import Any, Protocol

from torch import nn

from pipelines.declaration import Declaration
from pipelines.networks.exclusion import NOTHING_EXCLUDED, Exclusion
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params


class Pruner(Protocol):
    """A way to remove weights from a network.

    Attributes:
        name: The value of ``pruning.method`` that selects it.
        parameters: What it can be told, beyond the method; the same parameter may serve several pruners. One that has
            the parameter ``pruning.ratio`` can be asked for several cuts with growing ratios.
        declares: What else is known of it beforehand.
    """

    name: str
    parameters: tuple[Parameter, ...]
    declares: Declaration

    def problem(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> str | None:
        """Return why this pruner finds nothing to remove in `model` but in `exclude`, or None; nothing is changed."""

    def sizes(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> Sizes:
        """Return the number of units that this pruner can remove by layer, such as each convolution's channels.

        What would change a layer in `exclude` is left out. Layers that can only be pruned together count as one, under
        the name of the first of them.

        Raises:
            TrialFailed: it cannot be found out.
        """

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """Prune `model`, which is in evaluation mode and on the CPU, in place.

        Returns:
            JSON-able history with which `replay` repeats the same cut on a network of the structure before it. A pruner
            of single weights gives a mapping whose ``weights`` are the names of those in which its zeros must stay.

        Raises:
            UnchangedError: after this cut it still has all its `PruningRequest.sizes`.
            TrialFailed: it cannot be pruned so.
        """

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """Give `model`, of the structure before the cut, the structure after it."""

    def label(self, params: Params) -> str:
        """A short word for a recipe's label, such as ``ch0.5``, with what differs from the defaults."""
