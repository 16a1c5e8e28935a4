"""The protocol of importances."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from torch import Tensor, nn

Unit = Literal["channel", "inner", "weight"]
"""What can be ranked: channels of any layer, inner widths of transformers (heads, feed-forward units), or weights."""

Scope = Literal["local", "global"]
"""Whether the units of each layer are ranked among themselves, or those of all layers together."""


class Importance(Protocol):
    """Ranks the parts of a network: what ranks lowest is removed first.

    Attributes:
        name: The value of ``pruning.importance`` that selects it.
        needs_gradients: Whether it reads the gradients of the task's loss.
        units: What it can rank.
        scopes: Where its ranking is one of its own: within one layer, some measures rank as others do.
    """

    name: str
    needs_gradients: bool
    units: tuple[Unit, ...]
    scopes: tuple[Scope, ...]

    def of_groups(self) -> Any:
        """Return the ``torch_pruning.importance.Importance`` that ranks groups of dependent channels.

        It gives one number per channel, or None for a group that it cannot rank, which then stays whole.
        """

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """The importance of each single weight, of the shape of `weight`.

        Raises:
            TrialFailed: it cannot rank weights.
        """

    def problem(self, model: nn.Module) -> str | None:
        """Return why it cannot rank any part of `model`, or None if it can."""
