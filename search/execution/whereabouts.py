"""Whereabouts: on which node, and on which of its GPUs, each trial is, told by its worker through Ray itself."""

from __future__ import annotations

import json
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import ray
from ray.experimental import internal_kv

SPACE = b"paredown"
"""Where Ray keeps them, apart from what others keep there."""


@dataclass(frozen=True)
class Whereabouts:
    """The place of a trial that runs.

    Attributes:
        trial: Its number.
        node: The name of the machine.
        node_id: The node, as Ray calls it.
        gpus: Those of the node's GPUs that it has, as Ray counts them; it may share them.
        since: When its worker took it, in seconds since the epoch.
    """

    trial: int
    node: str
    node_id: str
    gpus: tuple[int, ...]
    since: float

    def to_json(self) -> dict[str, Any]:
        """The whereabouts as plain data."""
        return asdict(self)


def tell_whereabouts(trial: int) -> None:
    """Tell, as its worker, where `trial` is."""
    if not ray.is_initialized():  # asking would start it
        return
    with suppress(Exception):  # whatever Ray has against it, it is of no use to the trial
        context = ray.get_runtime_context()
        here = Whereabouts(trial, platform.node(), context.get_node_id(), tuple(ray.get_gpu_ids()), time.time())
        internal_kv._internal_kv_put(_key(trial), json.dumps(here.to_json()).encode(), namespace=SPACE)


def whereabouts(trial: int) -> Whereabouts | None:
    """Return where `trial` of this driver's is, or was last; None if its worker has not told."""
    text = internal_kv._internal_kv_get(_key(trial), namespace=SPACE) if ray.is_initialized() else None
    if text is None:
        return None
    data = json.loads(text)
    return Whereabouts(**{**data, "gpus": tuple(data["gpus"])})


def forget_whereabouts(trial: int) -> None:
    """Forget where `trial` was."""
    if not ray.is_initialized():
        return
    with suppress(Exception):  # Ray may have gone
        internal_kv._internal_kv_del(_key(trial), namespace=SPACE)


def _key(trial: int) -> bytes:
    return f"{ray.get_runtime_context().get_job_id()}/{trial}".encode()
