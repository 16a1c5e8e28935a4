"""Channel pruning: whole channels are removed, so that the exported network is really smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from pipelines.declaration import Declaration
from pipelines.importances import GLOBAL_ONLY, importance_of
from pipelines.networks.dataflow import Dataflow
from pipelines.networks.exclusion import NOTHING_EXCLUDED, Exclusion
from pipelines.pruners.options import RATIO, ROUND_TO, SCOPE, is_local, width_label
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.widths import Width, apart, cut_widths, replay_widths, sizes_of, width_problem
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params

ROLES_OF_OTHERS = {"batched", "mixed", "group"}
"""What axes are used for that are no channels: heads and their widths, groups of a convolution."""

NOTHING = (
    "no layer has a width that is neither the input's, the output's, one of positions, nor one of attention or of "
    "another product of activations"
)


class ChannelPruner:
    """Remove the least important channels together with all that depends on them.

    Ranked locally, each layer loses the same ratio; ranked globally, the least important channels of all layers go.
    Either way a layer's kept width is a multiple of ``pruning.round_to``, rounded down but never to nothing. Heads of
    attention and their widths stay: see the pruner of heads.

    Source: G. Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, as implemented by Torch-Pruning.
    """

    name = "channel"
    parameters: tuple[Parameter, ...] = (RATIO, SCOPE, ROUND_TO, importance_of("channel"))
    declares = Declaration(rules=(GLOBAL_ONLY,), knows_structure=is_local)

    def problem(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> str | None:
        """See `Pruner.problem`."""
        return width_problem(model, example, exclude, _channels, NOTHING)

    def sizes(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> Sizes:
        """See `Pruner.sizes`: output channels by layer; the last layer's are the network's own output."""
        return sizes_of(model, example, exclude, _channels)

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history is the list of what layers lose."""
        return cut_widths(model, cut, _channels)

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        replay_widths(model, history)

    def label(self, params: Params) -> str:
        """Such as ``ch0.5``, ``ch0.5g`` ranked globally, ``ch0.5r16`` in multiples of 16."""
        return width_label("ch", params)


def _channels(widths: Sequence[Width], flow: Dataflow) -> list[Width]:
    """All but those of attention's inside; of axes that are multiplied with each other, one."""

    def is_repeat(width: Width) -> bool:
        return "repeated" in width.axis.roles and bool(width.beside)

    return apart([w for w in widths if not w.axis.roles & ROLES_OF_OTHERS and not is_repeat(w)])
