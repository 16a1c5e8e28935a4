"""Lock files that go when they are given back: only those of killed processes stay, and nobody holds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.ledger import FOR_STAGE, spending
from pipelines.waiting import others, telling


@contextmanager
def held(path: Path, timeout_s: float = -1) -> Iterator[None]:
    """Hold the lock at `path`. The kernel frees it when this process dies.

    The file is removed while it is held: who waits for it sees that it is gone, and locks a new one.

    Args:
        path: The lock's file; its folder is made.
        timeout_s: How long to wait; for ever, when negative.

    Raises:
        filelock.Timeout: another holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)  # a hub gives back in one thread what it was given in another
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if timeout_s == 0:
            raise
        who = f"makes what is needed here, or looks after it ({path.name})"
        with spending(FOR_STAGE), telling(lambda: others(path, who)):
            lock.acquire(timeout=timeout_s)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def nobody_holds(path: Path) -> Iterator[None]:
    """Hold the lock at `path` for a moment and leave its file as it is; without a file nobody holds it.

    Raises:
        filelock.Timeout: another holds it.
    """
    if not path.exists():
        yield
        return
    with FileLock(path).acquire(timeout=0):
        yield


def is_held(path: Path) -> bool:
    """Return True if a living process holds the lock at `path`."""
    try:
        with nobody_holds(path):
            return False
    except Timeout:
        return True
