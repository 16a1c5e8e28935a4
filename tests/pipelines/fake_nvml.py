"""A driver's library of a machine with GPUs that are not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace


class NVMLError(Exception):
    """What the driver refuses."""


class NVMLError_NotFound(NVMLError):  # noqa: N801, N818 - the library's own name
    """Nothing was found."""


@dataclass
class FakeNvml:
    """As much of ``pynvml`` as is used here; handles are numbers.

    Attributes:
        uuids: The GPUs.
        clocks: The answers to questions for the clock, the last one again and again.
        reasons: Why the clocks are low, as bits.
        energies: The answers of the energy counter.
        running: The processes that have the GPU open: number → bytes.
        busy: Those that computed on it.
        dead: Whether no driver answers.
        lacks: Functions that the driver does not have.
    """

    uuids: tuple[str, ...] = ("GPU-a", "GPU-b")
    clocks: list[int] = field(default_factory=lambda: [1980])
    reasons: int = 0
    energies: list[int] = field(default_factory=lambda: [0])
    running: dict[int, int | None] = field(default_factory=dict)
    busy: tuple[int, ...] = ()
    dead: bool = False
    lacks: tuple[str, ...] = ()

    NVMLError = NVMLError
    NVMLError_NotFound = NVMLError_NotFound
    NVML_CLOCK_SM = 1
    nvmlClocksEventReasonSwPowerCap = 4  # noqa: N815
    nvmlClocksEventReasonSwThermalSlowdown = 32  # noqa: N815

    def nvmlInit(self) -> None:  # noqa: N802
        if self.dead:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.uuids)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index >= len(self.uuids):
            raise NVMLError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        if uuid not in self.uuids:
            raise NVMLError("Not Found")
        return self.uuids.index(uuid)

    def nvmlDeviceGetUUID(self, handle: int) -> bytes:  # noqa: N802
        return self.uuids[handle].encode()

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802
        return "NVIDIA H100 80GB HBM3"

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "580.1"

    def nvmlDeviceGetClockInfo(self, handle: int, kind: int) -> int:  # noqa: N802
        self._refuse("clock")
        return self.clocks.pop(0) if len(self.clocks) > 1 else self.clocks[0]

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: int) -> int:  # noqa: N802
        self._refuse("reasons")
        return self.reasons

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        self._refuse("energy")
        return self.energies.pop(0) if len(self.energies) > 1 else self.energies[0]

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:  # noqa: N802
        self._refuse("processes")
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.running.items()]

    def nvmlDeviceGetProcessUtilization(self, handle: int, since_us: int) -> list[SimpleNamespace]:  # noqa: N802
        if not self.busy:
            raise NVMLError_NotFound("Not Found")
        return [SimpleNamespace(pid=pid, smUtil=50) for pid in self.busy]

    def _refuse(self, what: str) -> None:
        if what in self.lacks:
            raise NVMLError("Not Supported")
