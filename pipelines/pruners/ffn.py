"""Feed-forward pruning: the inner width of a transformer's feed-forward parts."""

from __future__ import annotations

from typing import Any

from torch import nn

from pipelines.declaration import Declaration
from pipelines.errors import TrialFailed
from pipelines.importances import GLOBAL_ONLY, importance_of
from pipelines.networks.attention import attention_layers
from pipelines.pruners.options import RATIO, ROUND_TO, SCOPE, is_local, width_label
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.widths import Width, cut_widths, replay_widths, sizes_of
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params


class FeedForwardPruner:
    """Remove the least important inner units of a transformer's feed-forward parts; the residual width stays.

    A feed-forward part leads from the residual width through linear layers to a width of its own, and through one back.
    Source: as for channels; S. Muralidharan et al., "Compact Language Models via Pruning and Knowledge Distillation",
    NeurIPS 2024, name this axis the MLP width.
    """

    name = "ffn"
    parameters: tuple[Parameter, ...] = (RATIO, SCOPE, ROUND_TO, importance_of("inner"))
    declares = Declaration(rules=(GLOBAL_ONLY,), knows_structure=is_local)

    def problem(self, model: nn.Module, example: Inputs) -> str | None:
        """See `Pruner.problem`."""
        if not attention_layers(model):
            return "the network has no attention, so no transformer's feed-forward part; use channel"
        try:
            return None if self.sizes(model, example) else "no pair of linear layers leads to a width and back"
        except TrialFailed as error:
            return error.reason

    def sizes(self, model: nn.Module, example: Inputs) -> Sizes:
        """See `Pruner.sizes`: inner units by the first linear layer that gives them."""
        return sizes_of(model, example, _feed_forward)

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history is Torch-Pruning's list of (layer, is output channel, indices)."""
        return cut_widths(model, cut, _feed_forward)

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        replay_widths(model, example, history)

    def label(self, params: Params) -> str:
        """Such as ``ffn0.5``, ``ffn0.5g`` ranked globally, ``ffn0.5r16`` in multiples of 16."""
        return width_label("ffn", params)


def _feed_forward(model: nn.Module, widths: list[Width]) -> list[Width]:
    attention = attention_layers(model)
    return [
        width
        for width in widths
        if attention and not attention & {*width.producers, *width.consumers} and _leads_there_and_back(width)
    ]


def _leads_there_and_back(width: Width) -> bool:
    """Whether linear layers lead from one width to this one, and one leads back to a width of the same size."""
    producers = [module for module in width.producers if isinstance(module, nn.Linear)]
    consumers = [module for module in width.consumers if isinstance(module, nn.Linear)]
    if not producers or len(consumers) != 1:
        return False
    return all(giver.in_features == consumers[0].out_features for giver in producers)
