"""Where trials are, and what is known there of a worker that did not return."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.execution.last_words import how_it_ended

ANSWER_S = 30.0
"""A node that does not say within this time how a worker ended is not waited for."""


class Whereabouts:
    """Knows where trials are.

    Args:
        hub: The actor that workers have told.
    """

    def __init__(self, hub: Any) -> None:
        self._hub = hub

    def how_it_ended(self, number: int) -> tuple[str, str]:
        """Return what is known of the end of the worker of trial `number`: last words, and that its node is lost."""
        with suppress(RayError):
            found = ray.get(self._hub.whereabouts.remote(number), timeout=ANSWER_S)
            if found is None:
                return "", ""
            key, words = found
            node = next((each for each in ray.nodes() if each["NodeID"] == key), None)
            if node is None or not node["Alive"]:
                named = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" if node else key
                return "", f"its node {named} was lost"
            if words:
                there = NodeAffinitySchedulingStrategy(key, soft=False)
                ask = ray.remote(how_it_ended).options(num_cpus=0, max_retries=1, scheduling_strategy=there)
                return str(ray.get(ask.remote(Path(words)), timeout=ANSWER_S)), ""
        return "", ""
