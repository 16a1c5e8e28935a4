"""Allocation: from one share for the whole network to a share for each layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.pruners.options import BY_SENSITIVITY
from pipelines.sensitivity_table import Row, Sensitivity
from spaces import Params

LEAST_KEPT = 1e-3
"""A cut that leaves no accuracy counts as one that leaves this share of it: its logarithm has to be finite."""

EXACT = 1e-9
"""By how much sums of shares may be off."""

LESS_IS_ENOUGH = 1e-3
"""What cutting the whole network adds to the loss, so that among equally harmless choices the smallest is taken."""


def ratios_for(folder: Path, params: Params, note: Callable[[str], None]) -> float | dict[str, float]:
    """Return the ratios that the prune step cuts, as `pipelines.pruners.PruningRequest` takes them.

    Args:
        folder: The parent's folder: with ``pruning.scope: sensitivity``, that of the analysis.
        params: The step's parameters by key.
        note: Notified if the ratio is beyond what the analysis found possible.

    Returns:
        ``pruning.ratio``, or a ratio for each layer whose units together make that share of the network's.

    Raises:
        UnchangedError: the analysis found nothing that can be cut.
    """
    ratio = float(params.get("ratio", 1))  # a method without one removes what its pattern says
    if params.get("scope") != BY_SENSITIVITY:
        return ratio
    sensitivity = Sensitivity.read(folder)
    if (most := reachable(sensitivity)) < ratio - EXACT:
        note(f"ratio {ratio:g} is beyond what layers can lose one by one: {most:.3g} of the units went")
    return allocate(sensitivity, min(ratio, most))


def reachable(sensitivity: Sensitivity) -> float:
    """Return the share of all units that goes if every layer is cut as far as was analysed.

    Raises:
        UnchangedError: no layer could be cut.
    """
    most = sum(max((row.units for row, _ in _choices(sensitivity, each)), default=0) for each in sensitivity.layers)
    if not most:
        reasons = dict.fromkeys(row.note or "a cut would leave nothing of its layer" for row in sensitivity.rows)
        raise UnchangedError(f"no layer can be cut alone: {next(iter(reasons))}")
    return most / sum(sensitivity.sizes.values())


def allocate(sensitivity: Sensitivity, budget: float) -> dict[str, float]:
    """Choose a measured cut, or none, for each layer, so that `budget` is met at the least predicted loss.

    The effects of the layers are taken for independent: the shares of accuracy that they leave multiply, so the sum of
    their negative logarithms is minimised. A larger cut is never taken for less harmful than a smaller one of the same
    layer; where it was measured so, that is noise. Only measured cuts are chosen: between two ratios it depends on the
    pruner's rounding what is really cut. This is a multiple-choice knapsack problem (P. Sinha, A. Zoltners, Operations
    Research 27, 1979), solved exactly as an integer program by HiGHS through SciPy.

    Args:
        sensitivity: The measured cuts.
        budget: The share of all units that has to go at least, above 0 and no more than is `reachable`.

    Returns:
        The ratio by layer, for the layers that are cut.

    Raises:
        TrialFailed: the program has no solution.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # slow to load, and needed by one scope

    total = sum(sensitivity.sizes.values())
    choices = [(row, loss) for layer in sensitivity.layers for row, loss in _choices(sensitivity, layer)]
    shares = np.array([row.units / total for row, _ in choices])
    layers = np.array([[row.layer == layer for row, _ in choices] for layer in sensitivity.layers], dtype=float)
    losses = np.array([loss for _, loss in choices])
    solved = milp(
        losses + LESS_IS_ENOUGH * shares,
        integrality=np.ones(len(choices)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(layers, 0, 1), LinearConstraint(shares, budget - EXACT)],
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        raise TrialFailed(f"ratio {budget:g} cannot be shared out by sensitivity: {solved.message}")
    chosen = [row for (row, _), taken in zip(choices, solved.x, strict=True) if taken > 0.5]
    return {row.layer: row.ratio for row in chosen}


def _choices(sensitivity: Sensitivity, layer: str) -> list[tuple[Row, float]]:
    """The distinct cuts of `layer` that leave something of it, each with its loss, both rising."""
    choices: list[tuple[Row, float]] = []
    units = sensitivity.sizes[layer]
    loss, gone = 0.0, 0
    for row in sensitivity.rows:
        if row.layer == layer and row.accuracy is not None and gone < row.units < units:
            loss, gone = max(loss, _loss(row.accuracy, sensitivity.accuracy)), row.units
            choices.append((row, loss))
    return choices


def _loss(left: float, whole: float) -> float:
    """Return the share lost from `whole` to `left`; the difference for scores below zero, which have no shares."""
    return -math.log(max(left / whole, LEAST_KEPT)) if whole > 0 else whole - left
