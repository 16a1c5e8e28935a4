"""Gradual pruning: the network is cut several times, and may recover in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping

SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "cubic": lambda time: 1 - (1 - time) ** 3,
    "linear": lambda time: time,
}
"""The share of the final ratio that is gone at a time between 0 and 1.

``cubic``: much at first, when there is much to spare. Source: M. Zhu, S. Gupta, "To prune, or not to prune: exploring
the efficacy of pruning for model compression", 2017, equation 1, with no sparsity at the beginning.
"""


def shares(steps: int, schedule: str) -> list[float]:
    """The share of the final ratio that is gone after each of `steps` cuts; 1 after the last."""
    gone = SCHEDULES[schedule]
    return [gone(step / steps) for step in range(1, steps)] + [1.0]


def epochs_of(total: int, steps: int) -> list[int]:
    """`total` epochs divided among `steps` cuts; what does not divide goes to the last, which cut deepest."""
    return [total // steps + (index >= steps - total % steps) for index in range(steps)]
