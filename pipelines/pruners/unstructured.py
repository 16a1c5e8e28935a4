"""Unstructured pruning: single weights become zero."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.declaration import Declaration, always
from pipelines.errors import UnchangedError
from pipelines.importances import GLOBAL_ONLY, importance_of
from pipelines.networks.exclusion import NOTHING_EXCLUDED, Exclusion
from pipelines.pruners.options import RATIO, SCOPE, is_global, ratio_label
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.traceable import traceable
from pipelines.pruners.weights import learned, no_weights, rank_gradients, scores, weights
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params, When


class UnstructuredPruner:
    """Set the least important weights to zero, in each layer or of all layers together; each layer keeps one at least.

    The exported file stays dense: it is no faster and, unless it is packed, no smaller. Source: S. Han et al.,
    "Learning both Weights and Connections for Efficient Neural Networks", NeurIPS 2015.
    """

    name = "unstructured"
    parameters: tuple[Parameter, ...] = (RATIO, SCOPE, importance_of("weight"))
    declares = Declaration(
        rules=(GLOBAL_ONLY,),
        improves=("size_zstd_mb", "size_zstd_ratio"),
        more_with=(When("quantization.scheme", ("palettize",)),),
        knows_structure=always,  # zeros change nothing of it
    )

    def problem(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> str | None:
        """See `Pruner.problem`."""
        return None if weights(model, exclude) else no_weights(model, exclude)

    def sizes(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> Sizes:
        """See `Pruner.sizes`: weights by layer, zero or not."""
        counts: dict[str, int] = defaultdict(int)
        for weight in weights(model, exclude):
            counts[weight.layer] += weight.parameter.numel()
        return dict(counts)

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history counts the zeros by layer, and names the weights that may have them."""
        with traceable(model):
            rank_gradients(model, cut)
            ranked: dict[str, list[Tensor]] = defaultdict(list)
            chosen = learned(weights(model, cut.exclude), model, cut.note)
            for weight in chosen:
                ranked[weight.layer].append(scores(weight, cut).flatten())
            zeros = _zeros({layer: torch.cat(parts) for layer, parts in ranked.items()}, cut)
            with torch.no_grad():
                for weight in chosen:
                    count = weight.parameter.numel()
                    here, zeros[weight.layer] = zeros[weight.layer][:count], zeros[weight.layer][count:]
                    weight.parameter.masked_fill_(here.view_as(weight.parameter), 0)
            model.zero_grad(set_to_none=True)
        counts: dict[str, int] = defaultdict(int)
        for weight in chosen:
            counts[weight.layer] += int((weight.parameter == 0).sum())
        if not any(counts.values()):
            raise UnchangedError(f"no weight to set to zero at {cut.told}: each layer keeps one")
        return {"zeros": dict(counts), "weights": [weight.name for weight in chosen]}

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`: the zeros come with the weights."""

    def label(self, params: Params) -> str:
        """Such as ``un0.9``, ``un0.9g`` ranked globally."""
        return ratio_label("un", params)


def _zeros(layers: dict[str, Tensor], cut: PruningRequest) -> dict[str, Tensor]:
    """Return the masks of weights that become zero, by layer, given their scores."""
    if is_global(cut.params) and isinstance(cut.ratio, (int, float)):
        together = torch.cat([_with_best_kept(ranked) for ranked in layers.values()])
        parts = torch.split(_lowest(together, cut.ratio), [len(ranked) for ranked in layers.values()])
        return dict(zip(layers, parts, strict=True))
    return {layer: _lowest(_with_best_kept(ranked), cut.ratio_of(layer)) for layer, ranked in layers.items()}


def _with_best_kept(ranked: Tensor) -> Tensor:
    kept = ranked.clone()
    kept[ranked.argmax()] = float("inf")
    return kept


def _lowest(ranked: Tensor, ratio: float) -> Tensor:
    """A mask of the share `ratio`, rounded up, that ranks lowest; never of what ranks infinitely high."""
    lowest = torch.zeros(len(ranked), dtype=torch.bool)
    lowest[ranked.argsort(stable=True)[: math.ceil(len(ranked) * ratio - 1e-9)]] = True
    return lowest & ~torch.isposinf(ranked)
