"""The memory that a file needs while it runs."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")
PROC = Path("/proc/self")


def peak_growth(work: Callable[[], Made], proc: Path = PROC) -> tuple[Made, int]:
    """Do `work`, and see how far the memory of this process rose above where it was before.

    On Linux the peak is set back first. Elsewhere it is the peak since the process began, so that a rise that stays
    below an earlier peak shows as 0.

    Returns:
        What `work` gives, and bytes of resident memory.
    """
    try:
        (proc / "clear_refs").write_text("5", encoding="ascii")  # sets the peak to the present; proc(5)
        before = _status(proc, "VmRSS")
    except (OSError, StopIteration):
        start = _lifetime_peak()
        return work(), max(0, _lifetime_peak() - start)
    made = work()
    return made, max(0, _status(proc, "VmHWM") - before)


def _status(proc: Path, name: str) -> int:
    lines = (proc / "status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024


def _lifetime_peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
