"""Energy counters of Intel's and AMD's processors (RAPL), as Linux shows them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")

BLOCK_S = 0.1
"""How long calls are repeated between two readings: counters move about a thousand times a second."""


class Counters:
    """The energy counters of all processor packages of this machine.

    Source: Linux kernel documentation, "Power Capping Framework": a zone ``intel-rapl:N`` is a package, on AMD's
    processors too; ``energy_uj`` counts up and begins anew after ``max_energy_range_uj``.

    Args:
        powercap: Where the kernel shows them.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._powercap = powercap
        self._zones = sorted(zone for zone in powercap.glob("intel-rapl:*") if _is_package(zone))

    def absence(self) -> str:
        """Return why energy cannot be measured here; empty if it can."""
        if not self._zones:
            return f"this machine shows no energy counters in {self._powercap}"
        try:
            self._read()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it holds no number"
            file = self._zones[0] / "energy_uj"
            return f"{file} cannot be read: {reason.lower()}; let an administrator make it readable for this user"
        return ""

    def joules(self, work: Callable[[], None]) -> float:
        """Return what all packages used while `work` ran, which must be shorter than a counter's whole range.

        Raises:
            OSError: a counter cannot be read.
        """
        before = self._read()
        work()
        spent = 0
        for (start, largest), (stop, _) in zip(before, self._read(), strict=True):
            spent += stop - start if stop >= start else stop - start + largest  # it has begun anew
        return spent / 1e6

    def _read(self) -> list[tuple[int, int]]:
        return [
            (int((zone / "energy_uj").read_text()), int((zone / "max_energy_range_uj").read_text()))
            for zone in self._zones
        ]


def _is_package(zone: Path) -> bool:
    """Return True if `zone` counts for a package: cores and memory have zones within, ``psys`` counts all again."""
    try:
        return (zone / "name").read_text(encoding="ascii").startswith("package")
    except OSError:
        return False


def energy_mj(counters: Counters, call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Millijoules of one call, from many in a row: all that the packages used, at rest included.

    Raises:
        OSError: a counter cannot be read.
    """
    calls = 0

    def work() -> None:
        nonlocal calls
        end = clock() + BLOCK_S
        while clock() < end:
            call()
            calls += 1

    return counters.joules(work) * 1000 / calls
