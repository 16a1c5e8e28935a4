"""Ray's words about a worker that did not return."""

from __future__ import annotations

from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError


def is_memory_kill(error: BaseException | None) -> bool:
    """Return whether Ray says that it has killed a worker for want of memory."""
    return isinstance(error, OutOfMemoryError) or "running low on memory" in str(error)


def error_words(error: BaseException | None) -> str:
    """Return the exception of a worker that raised one, in a line; empty if it died, or nobody knows."""
    if isinstance(error, RayTaskError) or (isinstance(error, ActorDiedError) and error.actor_init_failed):
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return lines[-1] if lines else ""
    return ""
