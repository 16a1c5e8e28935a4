"""The duration of calls that are compared: of each several in a row, in turns whose order is drawn anew."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

import numpy as np

ROUNDS, CALLS = 40, 3
"""How often it is each one's turn, and how many calls are timed then."""


def call_seconds(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The processor time of one call of each, in seconds: the 10th percentile over its turns.

    Each turn begins with a call that is not timed: what ran before leaves caches that suit the one better than the
    other. With one call a turn a small network that is pruned to a quarter takes .7 of the time instead of .4.
    """
    times: dict[str, list[float]] = {who: [] for who in calls}
    for turn in range(ROUNDS):
        for who in random.Random(turn).sample(list(calls), len(calls)):
            calls[who]()
            begin = time.process_time()
            for _ in range(CALLS):
                calls[who]()
            times[who].append((time.process_time() - begin) / CALLS)
    return {who: float(np.quantile(values, 0.1)) for who, values in times.items()}
