"""The nodes of the cluster: which there are, what they have and what of it is taken, which trials they run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import ray
from ray._private import state as ray_state

from pipelines.whole_file import write_json
from search.execution.whereabouts import Whereabouts, whereabouts
from search.study.trial import Trial

LOG = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often the nodes are looked at."""

SURE_S, AGAIN_S = 10.0, 0.5
"""How long it is waited until Ray knows whether a node that is not reached has gone, and how often it is asked."""

TYPE = "accelerator_type:"
"""With this Ray's resource begins that names a node's GPUs."""

Fate = Literal["", "lost", "preempted"]
"""What has become of a node: nothing that is known, it has gone, or it was to go, as its owner wants it back."""


@dataclass(frozen=True)
class Node:
    """A node of the cluster.

    Attributes:
        node: The machine's name.
        ip: Its address within the cluster.
        is_going: Whether it was told to stop soon, such as one that is preempted; it gets no new workers.
        cpus: The processors that it offers to Ray.
        cpus_used: How many of them are taken, by this sweep and by others.
        gpus: The GPUs that it offers.
        gpus_used: How many of them are taken, in shares.
        gpu_type: What GPUs they are; empty if Ray does not know.
        trials: The trials of this sweep that it runs.
    """

    node: str
    ip: str
    is_going: bool
    cpus: float
    cpus_used: float
    gpus: float
    gpus_used: float
    gpu_type: str
    trials: tuple[Whereabouts, ...]

    def to_json(self) -> dict[str, Any]:
        """The node as plain data."""
        return asdict(self)


def nodes(trials: Sequence[Whereabouts]) -> list[Node]:
    """Return the nodes that are there, with those of `trials` that they run."""
    free, going = ray_state.available_resources_per_node(), ray_state.state.get_draining_nodes()
    found = []
    for each in ray.nodes():
        if not each["Alive"]:
            continue
        key, has = each["NodeID"], each["Resources"]
        left = free.get(key, {})
        types = [name.removeprefix(TYPE) for name in has if name.startswith(TYPE)]
        found.append(
            Node(
                each["NodeManagerHostname"],
                each["NodeManagerAddress"],
                key in going,
                has.get("CPU", 0.0),
                has.get("CPU", 0.0) - left.get("CPU", 0.0),
                has.get("GPU", 0.0),
                has.get("GPU", 0.0) - left.get("GPU", 0.0),
                ", ".join(types),
                tuple(trial for trial in trials if trial.node_id == key),
            )
        )
    return found


class NodeWatch:
    """Looks at the nodes while a sweep runs, leaves what it sees for ``paredown status``, and remembers who must go.

    Args:
        out: Gives the trials that are out.
        file: Where it is left; nowhere, if None.
    """

    def __init__(self, out: Callable[[], Sequence[Trial]], file: Path | None = None) -> None:
        self._out, self._file = out, file
        self._looked_at = float("-inf")
        self._going: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Ray Tune pickles its callbacks so that an experiment can be restored; this one is never restored."""
        return {}

    def look(self) -> None:
        """Look, if the last time is long enough ago; never raise, since Ray Tune would end the sweep over it."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S or not ray.is_initialized():
            return
        self._looked_at = now
        try:
            self._going |= ray_state.state.get_draining_nodes().keys()
            if self._file:
                there = [found for trial in self._out() if (found := whereabouts(trial.number))]
                write_json(self._file, {"at": time.time(), "nodes": [node.to_json() for node in nodes(there)]})
        except Exception:
            LOG.debug("cannot look at the nodes", exc_info=True)

    def fate(self, trial: int, *, wait: bool) -> tuple[Fate, str]:
        """Return what has become of the node on which `trial` ran, and the node's name.

        Args:
            trial: The trial.
            wait: Whether it was not reached, so that Ray may not know yet.
        """
        try:
            place, until = whereabouts(trial), time.monotonic() + (SURE_S if wait else 0.0)
            if place is None:
                return "", ""
            while (here := _is_alive(place.node_id)) and time.monotonic() < until:
                time.sleep(AGAIN_S)
            going = self._going | ray_state.state.get_draining_nodes().keys()
        except Exception:  # Ray itself has gone
            return "", ""
        if here:
            return "", place.node
        return ("preempted" if place.node_id in going else "lost"), place.node


def _is_alive(node_id: str) -> bool:
    return any(each["NodeID"] == node_id and each["Alive"] for each in ray.nodes())
