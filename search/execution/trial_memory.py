"""The memory of a trial: what its worker, and the processes that it has started, hold that nobody else does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")

_PSS = re.compile(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)
_RSS = re.compile(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)


def used_bytes(limit: int) -> int:
    """Return what this process and its descendants hold of memory that no file backs; 0 where the kernel does not tell.

    What processes share counts once; that takes the kernel long to tell, so that it is asked for only if the rough sum,
    in which shared pages count for each, is above `limit`.
    """
    processes = [os.getpid(), *_descendants(os.getpid())]
    rough = sum(_sum(PROC / str(pid) / "status", _RSS) for pid in processes)
    if rough <= limit or len(processes) == 1:
        return rough
    return sum(_sum(PROC / str(pid) / "smaps_rollup", _PSS) for pid in processes)


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):  # it has ended
        for task in (PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield int(child)
                yield from _descendants(int(child))


def _sum(file: Path, line: re.Pattern[str]) -> int:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return 1024 * sum(map(int, line.findall(text)))
