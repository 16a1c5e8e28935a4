"""Ray's words about a worker that did not return."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    RuntimeEnvSetupError,
)


def is_memory_kill(error: BaseException | None) -> bool:
    """Return whether Ray says that it has killed a worker for want of memory."""
    return isinstance(error, OutOfMemoryError) or "running low on memory" in str(error)


def is_preempted(error: BaseException | None) -> bool:
    """Return whether Ray says that a worker's node was preempted."""
    return isinstance(error, RayActorError) and error.preempted


def is_unreached(error: BaseException | None) -> bool:
    """Return whether a worker was not reached, and Ray does not know yet what has become of it."""
    return isinstance(error, ActorUnavailableError)


def error_words(error: BaseException | None) -> str:
    """Return the exception of a worker that raised one, in a line; empty if it died, or nobody knows."""
    if isinstance(error, RayTaskError) or (isinstance(error, ActorDiedError) and error.actor_init_failed):
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return lines[-1] if lines else ""
    return ""


def start_words(error: BaseException | None) -> str:
    """Return why a worker could not even be started, which none can then; empty if it was, or nobody knows.

    The person's code, and Paredown's, is loaded then: what cannot be imported there, is told here.
    """
    if isinstance(error, RuntimeEnvSetupError):
        return f"Ray cannot unpack your modules there: {first_line(error)}"
    if isinstance(error, ActorDiedError) and error.actor_init_failed:
        return error_words(error)
    return ""


def error_of(trial: Any) -> BaseException | None:
    """Return what ended the Tune trial `trial`, or None if nobody knows.

    Tune's own `get_pickled_error` looks where the file is copied to, which comes after its callbacks.
    """
    file = trial.pickled_error_file
    return cloudpickle.loads(Path(file).read_bytes()) if file and Path(file).exists() else None  # type: ignore[no-any-return]


def first_line(error: BaseException) -> str:
    """Return the first line of what `error` says, or its type's name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
