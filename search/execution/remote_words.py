"""Last words of workers that do not see the driver's workspace, asked for on their own nodes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.execution.last_words import left_by
from search.execution.whereabouts import whereabouts

ANSWER_S = 30.0
"""A node that does not say within this time how a worker ended is not waited for."""


class RemoteWords:
    """Knows where workers have left their last words.

    Args:
        hub: The actor that workers have told.
    """

    def __init__(self, hub: Any) -> None:
        self._hub = hub

    def left_by(self, number: int) -> tuple[str, bool]:
        """See `search.execution.last_words.left_by`, of the worker of trial `number`; nothing if its node has gone."""
        with suppress(RayError):
            words, place = ray.get(self._hub.words.remote(number), timeout=ANSWER_S), whereabouts(number)
            if words and place and any(node["NodeID"] == place.node_id and node["Alive"] for node in ray.nodes()):
                there = NodeAffinitySchedulingStrategy(place.node_id, soft=False)
                ask = ray.remote(left_by).options(num_cpus=0, max_retries=1, scheduling_strategy=there)
                told, late = ray.get(ask.remote(Path(words)), timeout=ANSWER_S)
                return str(told), bool(late)
        return "", False
