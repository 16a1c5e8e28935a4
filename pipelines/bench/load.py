"""Work of others on this machine."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Load:
    """The load of the machine up to now. Two of them say how busy others kept it in between.

    Attributes:
        busy_s: Processor seconds of all processes, or None where the machine does not tell.
        own_s: Processor seconds of this process.
        wall_s: The wall clock.
    """

    busy_s: float | None
    own_s: float
    wall_s: float

    @classmethod
    def now(cls, proc: Path = PROC) -> Load:
        """The load up to now; ``/proc/stat`` counts in hundredths of a second."""
        return cls(_busy_s(proc), time.process_time(), time.perf_counter())

    def others_since(self, before: Load) -> float | None:
        """Return how many processors others kept busy on average since `before`; None where it cannot be told."""
        if self.busy_s is None or before.busy_s is None or self.wall_s <= before.wall_s:
            return None
        others_s = (self.busy_s - before.busy_s) - (self.own_s - before.own_s)
        return max(0.0, others_s / (self.wall_s - before.wall_s))


def _busy_s(proc: Path) -> float | None:
    try:
        # cpu  user nice system idle iowait irq softirq steal …: what guests use is within user and nice.
        fields = (proc / "stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    except (OSError, IndexError):
        return None
    ticks = [int(field) for field in fields]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
