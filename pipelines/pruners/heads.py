"""Head pruning: whole attention heads are removed from transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from pipelines.declaration import Declaration
from pipelines.importances import GLOBAL_ONLY, importance_of
from pipelines.networks.dataflow import Dataflow
from pipelines.networks.exclusion import NOTHING_EXCLUDED, Exclusion
from pipelines.pruners.options import RATIO, SCOPE, is_local, ratio_label
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.widths import Width, apart, cut_widths, replay_widths, sizes_of, width_problem
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params

NOTHING = "the network has no attention with several heads"

ADVICE = "write its forward() in terms of its number of heads and their width"


class HeadPruner:
    """Remove the least important attention heads: their queries, keys and values, and what the output takes of them.

    Heads are what products of activations are taken for one by one, whatever the layers are called: with one projection
    for queries, keys and values or several, in windows, with biases of their own. Where several queries share their
    keys and values, they go together. ``nn.MultiheadAttention`` cannot have fewer heads than its width asks for, so it
    first becomes a module of the same function that can. At least one head of each attention stays. Attention with
    which the smaller network would not compute what the large one does without those heads keeps them.

    Source: P. Michel et al., "Are Sixteen Heads Really Better than One?", NeurIPS 2019.
    """

    name = "heads"
    parameters: tuple[Parameter, ...] = (RATIO, SCOPE, importance_of("inner"))
    declares = Declaration(rules=(GLOBAL_ONLY,), knows_structure=is_local)

    def problem(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> str | None:
        """See `Pruner.problem`."""
        return width_problem(model, example, exclude, _heads, NOTHING, ADVICE)

    def sizes(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> Sizes:
        """See `Pruner.sizes`: heads by the attention's module; of those that share keys and values, the groups."""
        return sizes_of(model, example, exclude, _heads)

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history names the modules converted, what layers lose and attributes that change."""
        return cut_widths(model, cut, _heads, rounds=False)

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        replay_widths(model, history)

    def label(self, params: Params) -> str:
        """Such as ``head0.5``, ``head0.5g`` ranked globally."""
        return ratio_label("head", params)


def _heads(widths: Sequence[Width], flow: Dataflow) -> list[Width]:
    found = [width for width in widths if "batched" in width.axis.roles and "repeated" not in width.axis.roles]
    return [replace(width, name=_attention(width), count=width.axis.size) for width in apart(found)]


def _attention(width: Width) -> str:
    """The name of the module that holds the projections."""
    has_parts = any(True for _ in width.producers[width.first].children())
    return width.first if has_parts else width.first.rpartition(".")[0]
