"""Kills by the kernel for want of memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

COUNTERS = (
    Path("/proc/vmstat"),
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
"""Where the kernel counts them: of the machine, and of a container by version 2 or 1 of its interface."""


class MemoryKills:
    """Counts, from when it is made, the processes of this machine that the kernel has killed for want of memory.

    Args:
        counters: The kernel's files.
    """

    def __init__(self, counters: tuple[Path, ...] = COUNTERS) -> None:
        self._counters = counters
        self._before = self._counts()

    @property
    def any(self) -> bool:
        """Return True if there was one."""
        return any(now > self._before.get(file, now) for file, now in self._counts().items())

    def _counts(self) -> dict[Path, int]:
        return {file: count for file in self._counters for count in _count(file)}


def _count(file: Path) -> Iterator[int]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    yield from (int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
