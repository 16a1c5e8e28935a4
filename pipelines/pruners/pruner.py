"""What every way to prune offers."""

from __future__ import annotations

from typing import Any, Protocol

from torch import nn

from pipelines.task import Inputs
from spaces import Parameter, Params


class Pruner(Protocol):
    """A way to remove weights from a network.

    Attributes:
        name: The value of ``pruning.method`` that selects it.
        parameters: What it can be told, beyond the method; the same parameter may serve several pruners.
    """

    name: str
    parameters: tuple[Parameter, ...]

    def prune(self, model: nn.Module, example: Inputs, params: Params) -> Any:
        """Prune `model` in place.

        Args:
            model: In evaluation mode, on the CPU.
            example: What the model is called with.
            params: The step's parameters by key.

        Returns:
            JSON-able history with which `replay` repeats the same cut on a network of the original structure.

        Raises:
            TrialFailed: the network cannot be pruned so.
        """

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """Give `model`, of the original structure, the structure that `prune` made."""

    def label(self, params: Params) -> str:
        """A short word for a recipe's label, such as ``ch0.5``."""
