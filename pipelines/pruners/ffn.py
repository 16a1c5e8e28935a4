"""Feed-forward pruning: the inner width of a transformer's feed-forward parts."""

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

NOTHING = "no linear layers lead from a residual width to one of their own and back; for other layers use channel"


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
        return width_problem(model, example, _feed_forward, NOTHING)

    def sizes(self, model: nn.Module, example: Inputs) -> Sizes:
        """See `Pruner.sizes`: inner units by the first linear layer that gives them."""
        return sizes_of(model, example, _feed_forward)

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history is the list of what layers lose."""
        return cut_widths(model, cut, _feed_forward)

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        replay_widths(model, history)

    def label(self, params: Params) -> str:
        """Such as ``ffn0.5``, ``ffn0.5g`` ranked globally, ``ffn0.5r16`` in multiples of 16."""
        return width_label("ffn", params)


def _feed_forward(model: nn.Module, widths: list[Width]) -> list[Width]:
    attention = attention_layers(model)
    return [
        width
        for width in widths
        if not attention & {*width.producers, *width.consumers}
        and _leads_there_and_back(width)
        and (attention or any(_is_residual(other, width) for other in widths))
    ]


def _leads_there_and_back(width: Width) -> bool:
    """Return True if linear layers lead from one width to this one, and one leads back to a width of the same size."""
    producers = [module for module in width.producers if isinstance(module, nn.Linear)]
    consumers = [module for module in width.consumers if isinstance(module, nn.Linear)]
    if not producers or len(consumers) != 1:
        return False
    return all(giver.in_features == consumers[0].out_features for giver in producers)


def _is_residual(other: Width, width: Width) -> bool:
    """Return True if the layers of `width` lead from width `other` and back to it, as where both are added."""
    givers = {module for module in width.producers if isinstance(module, nn.Linear)}
    return bool(givers) and givers <= {*other.consumers} and bool({*width.consumers} & {*other.producers})
