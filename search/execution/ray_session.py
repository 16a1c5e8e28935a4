"""The time that this process is connected with Ray, which it has started on this machine or joined."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray

from pipelines.garbage import collect, no_collection
from pipelines.processors import processors
from search.errors import SweepError
from search.execution import interruption
from search.execution.own_processors import METER
from search.execution.ray_error import first_line
from search.execution.ray_watch import end_unfinished
from search.execution.ray_words import RayWords

PACKAGES = Path(__file__).resolve().parents[2]
"""Where Paredown's packages lie."""

STARTS = 3
"""How often Ray is started in all if it is slow to start."""

SLOW = "timed out during startup"
"""Part of what Ray says then."""


class RaySession:
    """The connection of a driver with Ray.

    Args:
        address: Where it is: ``local`` for one of its own on this machine.
        tell: Told in words what is waited for.
        log: The file for what Ray itself says; see `RayWords`.
    """

    def __init__(self, address: str, tell: Callable[[str], None], log: Path | None = None) -> None:
        self._address, self._tell = address, tell
        self._words = RayWords(log)
        self._joined = False

    def connect(self, left: int | None = None, environment: Mapping[str, Any] | None = None) -> None:
        """Start Ray on this machine, or join the one at the address.

        Args:
            left: How many processors of this machine are left for trials, if some are set apart for measuring.
            environment: Ray's runtime environment of this driver's workers.

        Raises:
            SweepError: that is not possible, with what helps.
        """
        for name in ("ray", "ray.tune"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        address = self._address
        if ray.is_initialized():
            raise SweepError(
                "Ray is in use by this process already: if the task's module calls ray.init(), take that out, as a "
                "sweep starts Ray itself; in a notebook call ray.shutdown() first"
            )
        self._joined = True
        self._words.catch()
        try:
            # Ray lets workers import from the current folder before anything else. There a person's module may have the
            # name of one of Python's, or of ours.
            with contextlib.chdir(PACKAGES):
                self._init(
                    num_cpus=(left or processors()) if address == "local" else None,
                    resources={METER: 1} if left else None,
                    address=address,  # without one, Ray would join whatever cluster was started last on this machine
                    include_dashboard=False if address == "local" else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    configure_logging=True,
                    runtime_env=environment,
                )
            interruption.listen_again()  # Ray has put handlers of its own in place
        except SystemExit as ending:  # by which it ends the process meanwhile
            if ending.code != signal.SIGTERM:
                raise
            interruption.note(signal.SIGTERM)
            raise KeyboardInterrupt from None
        except Exception as error:  # Ray's connection errors have no common base
            if address == "local":
                why = f"{first_line(error)}; {_way_out(error)}{self.told}"
                raise SweepError(f"cannot start Ray on this machine: {why}") from error
            raise SweepError(
                f"cannot reach Ray at {address!r}: {first_line(error)}; "
                "check cluster.address and that 'ray status' answers there "
                "(set RAY_AUTH_MODE=token if the cluster asks for a token, as one does that was started where "
                f"~/.ray/auth_token exists){self.told}"
            ) from error

    def _init(self, **settings: Any) -> None:
        """Start or join Ray, which gives up after half a minute: on a busy machine that is tried again."""
        for left in reversed(range(STARTS)):
            try:
                ray.init(**settings)
                return
            except Exception as error:  # Ray raises no other type
                if SLOW not in str(error) or not left:
                    raise
                self._tell("Ray is slow to start, as this machine is busy: trying again")
                end_unfinished(error)

    def leave(self) -> None:
        """Leave Ray, if this driver has joined it."""
        if self._joined:
            leave()
        self._words.let_go()

    @property
    def told(self) -> str:
        """Where there are words of Ray's, as the end of a sentence; empty if there are none."""
        return self._words.told


def leave() -> None:
    """Leave the cluster.

    Ray ends this process at once, with exit code 1, if a reference is freed while it shuts down, or if it is shut down
    again after a signal has broken off its shutdown. So garbage that may hold references is freed before, no thread
    collects any meanwhile, and signals wait. Later it does no harm.
    """
    with interruption.put_off(), no_collection():
        collect()
        ray.shutdown()


def _way_out(error: Exception) -> str:
    """Return what to do when Ray does not start here."""
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    if "AF_UNIX path length" in str(error):
        return f"set {variable} to a folder with a shorter path"
    if isinstance(error, OSError) and error.filename:
        return f"set {variable} to a folder that can be written"
    return "if one of its processes was killed, or the machine was too busy, run the same command again"
