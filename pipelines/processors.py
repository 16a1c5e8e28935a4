"""The processors that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

from spaces import counted

CGROUP = Path("/sys/fs/cgroup")


def processors(cgroup: Path = CGROUP) -> int:
    """Return the number of processors that this process may use at once.

    It is bounded by the machine, by the process' affinity (``taskset``) and by the quota of its container.

    Args:
        cgroup: Where the kernel shows the quota.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _quota(cgroup))))


def beyond(count: int, have: int) -> str:
    """Return what to say of `count` threads or processors where there are only `have`."""
    return f"{count} is more than the {counted(have, 'processor')} that can be used here"


def _quota(cgroup: Path) -> float:
    """The share of time that the container has, in processors, from version 2 of the interface or from version 1."""
    words = _read(cgroup / "cpu.max").split() or [
        _read(cgroup / "cpu/cpu.cfs_quota_us").strip(),
        _read(cgroup / "cpu/cpu.cfs_period_us").strip(),
    ]
    try:
        quota, period = map(float, words)
    except ValueError:  # "max", or nothing
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
