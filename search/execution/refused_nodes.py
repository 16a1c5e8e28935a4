"""Nodes that get no trials, since they came after the sweep had begun and cannot work on it, or would make others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import ray

LOG = logging.getLogger(__name__)

NODE_ID = "ray.io/node-id"
"""The label by which Ray knows a node."""


class RefusedNodes:
    """Remembers which nodes get no trials.

    Args:
        fits: Tells whether a node with these resources runs trials.
    """

    def __init__(self, fits: Callable[[Mapping[str, float]], bool]) -> None:
        self._fits = fits
        self._refused: set[str] = set()

    @property
    def ids(self) -> tuple[str, ...]:
        """The nodes, as Ray calls them."""
        return tuple(sorted(self._refused))

    def add(self, node_id: str, why: str) -> str:
        """Give no trials to the node `node_id` from now on, and tell why.

        Returns:
            Why the sweep cannot go on: no other node is left; else empty.
        """
        if node_id not in self._refused:
            self._refused.add(node_id)
            LOG.warning("%s; it gets no trials", why)
        others = [each for each in ray.nodes() if each["Alive"] and each["NodeID"] not in self._refused]
        if any(self._fits(each["Resources"]) for each in others):
            return ""
        return f"no other node of the cluster is left that could run trials: {why}"


def selector(refused: tuple[str, ...]) -> dict[str, Any]:
    """Return Ray's options of a placement group of one bundle that keep it off the nodes `refused`."""
    return {"bundle_label_selector": [{NODE_ID: f"!in({','.join(refused)})"}]} if refused else {}
