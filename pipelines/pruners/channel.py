"""Channel pruning: whole channels are removed, so that the exported network is really smaller."""

from __future__ import annotations

from typing import Any

from torch import nn

from pipelines.declaration import Declaration
from pipelines.importances import GLOBAL_ONLY, importance_of
from pipelines.networks.attention import attention_layers
from pipelines.pruners.options import RATIO, ROUND_TO, SCOPE, is_local, width_label
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.widths import Width, cut_widths, replay_widths, sizes_of, width_problem
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params


class ChannelPruner:
    """Remove the least important channels together with all that depends on them.

    Ranked locally, each layer loses the same ratio; ranked globally, the least important channels of all layers go.
    Either way a layer's kept width is a multiple of ``pruning.round_to``, rounded down but never to nothing. Widths
    that attention reads or writes stay: see the pruners of heads and of feed-forward widths.

    Source: G. Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, as implemented by Torch-Pruning.
    """

    name = "channel"
    parameters: tuple[Parameter, ...] = (RATIO, SCOPE, ROUND_TO, importance_of("channel"))
    declares = Declaration(rules=(GLOBAL_ONLY,), knows_structure=is_local)

    def problem(self, model: nn.Module, example: Inputs) -> str | None:
        """See `Pruner.problem`."""
        nothing = "no linear layer or convolution has a width that is neither the output's nor attention's"
        return width_problem(model, example, _outside_attention, nothing)

    def sizes(self, model: nn.Module, example: Inputs) -> Sizes:
        """See `Pruner.sizes`: output channels by layer; the last layer's are the network's own output."""
        return sizes_of(model, example, _outside_attention)

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history is the list of what layers lose."""
        return cut_widths(model, cut, _outside_attention)

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        replay_widths(model, history)

    def label(self, params: Params) -> str:
        """Such as ``ch0.5``, ``ch0.5g`` ranked globally, ``ch0.5r16`` in multiples of 16."""
        return width_label("ch", params)


def _outside_attention(model: nn.Module, widths: list[Width]) -> list[Width]:
    attention = attention_layers(model)
    return [width for width in widths if not attention & {*width.producers, *width.consumers}]
