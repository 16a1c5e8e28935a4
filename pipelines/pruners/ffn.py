"""Feed-forward pruning: the inner width of a transformer's feed-forward parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from pipelines.declaration import Declaration
from pipelines.importances import GLOBAL_ONLY, importance_of
from pipelines.networks.axes import basic
from pipelines.networks.dataflow import Dataflow
from pipelines.networks.exclusion import NOTHING_EXCLUDED, Exclusion
from pipelines.pruners.channel import ROLES_OF_OTHERS
from pipelines.pruners.options import RATIO, ROUND_TO, SCOPE, is_local, width_label
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.widths import Width, cut_widths, replay_widths, sizes_of, width_problem
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params

NOTHING = (
    "no linear layers or convolutions of one place lead from a residual width to one of their own and back; for other "
    "layers use channel"
)


class FeedForwardPruner:
    """Remove the least important inner units of a transformer's feed-forward parts; the residual width stays.

    A feed-forward part leads from a residual width, one to which something is added, through linear layers or
    convolutions of one place to a width of its own, and back. It may be gated, and have norms or depthwise convolutions
    inside; also positions may be mixed so.
    Source: as for channels; S. Muralidharan et al., "Compact Language Models via Pruning and Knowledge Distillation",
    NeurIPS 2024, name this axis the MLP width.
    """

    name = "ffn"
    parameters: tuple[Parameter, ...] = (RATIO, SCOPE, ROUND_TO, importance_of("inner"))
    declares = Declaration(rules=(GLOBAL_ONLY,), knows_structure=is_local)

    def problem(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> str | None:
        """See `Pruner.problem`."""
        return width_problem(model, example, exclude, _feed_forward, NOTHING)

    def sizes(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> Sizes:
        """See `Pruner.sizes`: inner units by the first linear layer that gives them."""
        return sizes_of(model, example, exclude, _feed_forward)

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history is the list of what layers lose."""
        return cut_widths(model, cut, _feed_forward)

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        replay_widths(model, history)

    def label(self, params: Params) -> str:
        """Such as ``ffn0.5``, ``ffn0.5g`` ranked globally, ``ffn0.5r16`` in multiples of 16."""
        return width_label("ffn", params)


def _feed_forward(widths: Sequence[Width], flow: Dataflow) -> list[Width]:
    return [w for w in widths if not w.axis.roles & ROLES_OF_OTHERS and not w.fault and _leads_there_and_back(w, flow)]


def _leads_there_and_back(width: Width, flow: Dataflow) -> bool:
    """Return True if the matrices that have `width` lead to it from one width, and back to that, which is added to."""
    others = []
    for name, at in width.places:
        dims = flow.leaves[name]
        if at > 1 or any(dims[2:]):
            if at > 1 or (dims[0] and dims[1]):
                return False  # positions, or a convolution of several places
        elif len(dims) > 1 and dims[1 - at]:
            others.append(frozenset(basic(dims[1 - at])))
    return len(others) > 1 and len({*others}) == 1 and all("added" in axis.roles for axis in others[0])
