"""The choice of the units that go, given their importance and how many may stay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from pipelines.pruners.pruning_request import PruningRequest


@dataclass(frozen=True)
class Ranked:
    """The units of one layer, ranked.

    Attributes:
        scores: The importance of each unit that is left, shape (units,).
        multiple: Units that stay are a multiple of this, and at least this many if there are.
        repeats: For how many units of `PruningRequest.sizes` each of these stands.
    """

    scores: Tensor
    multiple: int = 1
    repeats: int = 1


def removed(layers: Mapping[str, Ranked], cut: PruningRequest, *, together: bool) -> dict[str, list[int]]:
    """The indices of the units that go, ascending, by layer; layers that lose nothing are left out.

    Args:
        layers: What is left of each layer.
        cut: How much goes. Ratios by layer say everything, so that nothing is left to rank together.
        together: Whether all layers are ranked together.
    """
    if together and isinstance(cut.ratio, (int, float)):
        kept = _kept_together(layers, cut, float(cut.ratio))
    else:
        kept = {
            name: _kept(ranked, cut.sizes[name] // ranked.repeats, cut.ratio_of(name))
            for name, ranked in layers.items()
        }
    gone = {name: _lowest(ranked.scores, len(ranked.scores) - kept[name]) for name, ranked in layers.items()}
    return {name: indices for name, indices in gone.items() if indices}


def _kept(ranked: Ranked, size: int, ratio: float) -> int:
    """Return how many of a layer's units stay, of `size` when pruning began: rounded down, but never to nothing.

    A ratio of less than half a unit removes none where multiples have to stay, rather than that many.
    """
    left, wanted = len(ranked.scores), _share(size, 1 - ratio)
    if ranked.multiple > 1 and size * ratio < 0.5:
        return left
    return min(left, max(ranked.multiple, wanted - wanted % ranked.multiple)) if ratio else left


def _kept_together(layers: Mapping[str, Ranked], cut: PruningRequest, ratio: float) -> dict[str, int]:
    """Return how many units of each layer stay when all are ranked together.

    Each layer is cut into pieces of `Ranked.multiple` units, from its best to its worst. The first piece of each stays,
    and of all other pieces the best that there is room for: so no layer vanishes, and every width is a multiple.
    """
    total = sum(cut.sizes[name] for name in layers)
    if total * ratio < 0.5 and any(ranked.multiple > 1 for ranked in layers.values()):
        return {name: len(ranked.scores) for name, ranked in layers.items()}
    kept = {name: min(len(ranked.scores), ranked.multiple) for name, ranked in layers.items()}
    room = _share(total, 1 - ratio)
    room -= sum(count * layers[name].repeats for name, count in kept.items())
    pieces = []
    for order, (name, ranked) in enumerate(layers.items()):
        best_first = ranked.scores.sort(descending=True, stable=True).values
        for start in range(ranked.multiple, len(best_first) - ranked.multiple + 1, ranked.multiple):
            mean = float(best_first[start : start + ranked.multiple].mean())
            pieces.append((-mean, order, start, name))
    for _, _, _, name in sorted(pieces):
        units = layers[name].multiple
        if units * layers[name].repeats <= room:
            kept[name], room = kept[name] + units, room - units * layers[name].repeats
    return kept


def _share(count: int, share: float) -> int:
    """`share` of `count`, rounded down, whatever floating point makes of a half."""
    return math.floor(count * share + 1e-9)


def _lowest(scores: Tensor, count: int) -> list[int]:
    return sorted(scores.argsort(stable=True)[:count].tolist())
