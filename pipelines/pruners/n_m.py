"""N:M pruning: of every M neighbouring weights, at most N are not zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pipelines.declaration import Declaration, always
from pipelines.errors import UnchangedError
from pipelines.importances import importance_of
from pipelines.networks.exclusion import NOTHING_EXCLUDED, Exclusion
from pipelines.pruners.options import value_of
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.traceable import traceable
from pipelines.pruners.weights import Weight, learned, no_weights, rank_gradients, scores, weights
from pipelines.tasks.task import Inputs
from spaces import Options, Parameter, Params

PATTERNS = ("2:4", "1:4", "1:2", "4:8")
SMALLEST = 2
"""The fewest neighbours of a pattern."""

PATTERN = Parameter(
    "pruning.pattern",
    Options(PATTERNS),
    default="2:4",
    help="how many of how many neighbouring weights may stay",
)


class NMPruner:
    """Of every M weights that follow each other along a layer's inputs, keep the N most important.

    That is the direction that sparse matrix units need. A layer whose number of inputs is not a multiple of M stays
    dense, and so do layers that a cut with ratios by layer does not name. On ONNX Runtime there is no gain in speed.

    Source: A. Mishra et al., "Accelerating Sparse Deep Neural Networks", 2021.
    """

    name = "n:m"
    parameters: tuple[Parameter, ...] = (PATTERN, importance_of("weight", scopes=("local",)))
    declares = Declaration(improves=("size_zstd_mb", "size_zstd_ratio"), knows_structure=always)

    def problem(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> str | None:
        """See `Pruner.problem`: of the pattern with the fewest neighbours, as the parameters are not known."""
        if not weights(model, exclude):
            return no_weights(model, exclude)
        return None if _divisible(model, SMALLEST, exclude) else _too_odd(SMALLEST)

    def sizes(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> Sizes:
        """See `Pruner.sizes`: weights, zero or not, by layer to which some pattern fits."""
        counts: dict[str, int] = {}
        for weight in _divisible(model, SMALLEST, exclude):
            counts[weight.layer] = counts.get(weight.layer, 0) + weight.parameter.numel()
        return counts

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the structure stays, so the history only names what has the pattern."""
        pattern = str(value_of(PATTERN, cut.params))
        n, m = _numbers(pattern)
        with traceable(model):
            chosen = [weight for weight in _divisible(model, m, cut.exclude) if cut.ratio_of(weight.layer) > 0]
            chosen = learned(chosen, model, cut.note)
            if not chosen:
                raise UnchangedError(_too_odd(m))
            rank_gradients(model, cut)
            with torch.no_grad():
                for weight in chosen:
                    weight.parameter.masked_fill_(_zeros(scores(weight, cut), n, m), 0)
            model.zero_grad(set_to_none=True)
        return {"pattern": pattern, "weights": [weight.name for weight in chosen]}

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`: the zeros come with the weights."""

    def label(self, params: Params) -> str:
        """Such as ``2:4``."""
        return str(value_of(PATTERN, params))


def _numbers(pattern: str) -> tuple[int, int]:
    n, _, m = pattern.partition(":")
    return int(n), int(m)


def _divisible(model: nn.Module, m: int, exclude: Exclusion) -> list[Weight]:
    return [weight for weight in weights(model, exclude) if weight.parameter.shape[1] % m == 0]


def _too_odd(m: int) -> str:
    return f"no layer of the network has a number of inputs that is a multiple of {m}"


def _zeros(ranked: Tensor, n: int, m: int) -> Tensor:
    """Return the mask of weights that become zero; `ranked` has the inputs in its second dimension."""
    inputs_last = ranked.movedim(1, -1)
    groups = inputs_last.reshape(*inputs_last.shape[:-1], -1, m)
    lowest = groups.argsort(dim=-1, stable=True)[..., : m - n]
    zeros = torch.zeros(groups.shape, dtype=torch.bool).scatter_(-1, lowest, True)
    return zeros.reshape(inputs_last.shape).movedim(-1, 1)
