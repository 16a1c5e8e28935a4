"""The conditions under which numbers are taken: the processor, its clock, whether it was throttled."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from pipelines.bench.job import Job
from pipelines.extra import distribution, installed_version
from pipelines.runtimes import Runtime

WHERE = "latency.where"
"""The note that says where a file was measured, where that is not said by where it was built."""

CPUS = Path("/sys/devices/system/cpu")


def conditions(job: Job, runtime: Runtime) -> str:
    """Batch, threads, runtime and processor of a measurement, in words."""
    versions = (f"{distribution(library)} {installed_version(library)}" for library in runtime.packages)
    parts = [job.target.call, *versions]
    parts += [f"{os.cpu_count()} × {processor()}", *clocks()]
    return ", ".join(parts)


def processor(proc: Path = Path("/proc")) -> str:
    """The name of this machine's processor."""
    try:
        for line in (proc / "cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def clocks(cpus: Path = CPUS) -> list[str]:
    """The governor and the present clock of the first processor, where the machine tells them."""
    governor, khz = _read(cpus / "cpu0/cpufreq/scaling_governor"), _read(cpus / "cpu0/cpufreq/scaling_cur_freq")
    return ([f"governor {governor}"] if governor else []) + ([f"{int(khz) / 1e6:.2f} GHz"] if khz.isdigit() else [])


def throttled(cpus: Path = CPUS) -> int | None:
    """Return how often processors were slowed down for heat since the start; None where it is not told."""
    counts = [_read(path) for path in cpus.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
    known = [int(count) for count in counts if count.isdigit()]
    return sum(known) if known else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
