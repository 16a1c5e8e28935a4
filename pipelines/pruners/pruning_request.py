"""One cut: how much of a network goes, and by what measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from torch import nn

from pipelines.importances import Importance
from pipelines.networks.exclusion import NOTHING_EXCLUDED, Exclusion
from pipelines.tasks.task import Inputs
from spaces import Params

Sizes = Mapping[str, int]
"""How many units (channels, heads, blocks, weights) each prunable layer has, by the layer's name."""


@dataclass(frozen=True)
class PruningRequest:
    """The request for a cut.

    Attributes:
        example: What the network is called with.
        ratio: The share of `sizes` that is gone after this cut: one number, for each layer or, ranked globally, for all
            together; or one by a layer's name, where layers that are not named stay whole.
        sizes: What the network had when pruning began, see `Pruner.sizes`: ratios of later cuts refer to it too.
        importance: What ranks lowest goes first.
        params: The step's parameters by key.
        gradients: Leaves the gradients of the task's loss, summed over some training batches, in the parameters of the
            network that it is given.
        inputs: Some training inputs, for measures of what a network computes; the example alone, if there are none.
        note: Notified of each layer that stays whole though it was asked for, and why.
        exclude: What stays as it is; `sizes` leaves it out.
    """

    example: Inputs
    ratio: float | Mapping[str, float]
    sizes: Sizes
    importance: Importance
    params: Params = field(default_factory=dict)
    gradients: Callable[[nn.Module], None] = lambda model: None
    inputs: Callable[[], Iterable[Inputs]] = lambda: ()
    note: Callable[[str], None] = lambda text: None
    exclude: Exclusion = NOTHING_EXCLUDED

    def ratio_of(self, layer: str) -> float:
        """The share of `layer` that is gone after this cut."""
        return self.ratio if isinstance(self.ratio, (int, float)) else self.ratio.get(layer, 0.0)

    @property
    def told(self) -> str:
        """The ratio for people, such as ``ratio 0.5``."""
        return f"ratio {self.ratio:g}" if isinstance(self.ratio, (int, float)) else "the ratios chosen by sensitivity"

    def part(self, share: float) -> PruningRequest:
        """The same cut with `share` of its ratio."""
        if isinstance(self.ratio, (int, float)):
            return replace(self, ratio=self.ratio * share)
        return replace(self, ratio={layer: ratio * share for layer, ratio in self.ratio.items()})
