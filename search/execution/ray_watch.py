"""Watches the Ray that this driver has started, since Ray itself may wait for a dead part of it for ever."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import ray
from ray import tune
from ray._private.node import Node

from search.execution.notices import Notices

VITAL = ("gcs_server", "raylet")
"""The processes without which no trial is started. The others serve pages and logs that nobody reads here."""


class RayDied(BaseException):
    """A process of Ray's has died.

    Not an `Exception`: over one of those, Ray Tune would first ask its workers to end, through what has died.
    """


class RayWatch(tune.Callback):  # type: ignore[misc]
    """Looks between two steps of Ray Tune's loop whether Ray is alive, and what workers say meanwhile.

    Without its server every call to Ray waits a minute and then ends the process; without its raylet a worker that is
    asked for never comes.

    Args:
        notices: What workers say.
        looks: Called each time.
        started: Told the id of each trial that has got its worker.
    """

    def __init__(
        self,
        notices: Notices,
        *looks: Callable[[], None],
        started: Callable[[str], None] = lambda trial_id: None,
    ) -> None:
        self._notices, self._looks, self._started = notices, looks, started

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """See `ray.tune.Callback`; called about ten times a second.

        Raises:
            RayDied: a vital process is gone.
        """
        if name := dead_process():
            raise RayDied(name)
        self._notices.look()
        for look in self._looks:
            look()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """See `ray.tune.Callback`."""
        self._started(trial.trial_id)


def end_unfinished(error: BaseException) -> None:
    """End the processes of a Ray that did not start because of `error`: Ray itself forgets that it has started them."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if isinstance(node := frame.f_locals.get("self"), Node):
            node.kill_all_processes(check_alive=False)


def dead_process() -> str:
    """The vital process that is gone of the Ray that this process started; empty if none is, or another started Ray."""
    node = ray._private.worker._global_node
    gone = [name for name, _ in node.dead_processes()] if node else []
    return next((name for name in VITAL if name in gone), "")
