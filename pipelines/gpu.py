"""The GPU that this process sees first, as its driver tells of it (NVML). Nothing here needs torch or starts CUDA."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pipelines.errors import TrialFailed
from pipelines.extra import missing
from pipelines.runtimes.target import Target

PACKAGES = ("nvidia-ml-py",)

SLOWED = {
    "nvmlClocksEventReasonSwPowerCap": "the power limit",
    "nvmlClocksThrottleReasonHwSlowdown": "the hardware's protection",
    "nvmlClocksEventReasonSwThermalSlowdown": "heat",
    "nvmlClocksThrottleReasonHwThermalSlowdown": "heat",
    "nvmlClocksThrottleReasonHwPowerBrakeSlowdown": "the power supply",
}
"""The driver's reasons for low clocks that are no choice of its own; an idle GPU's clocks are low, too."""


class Gpu:
    """One GPU of this machine.

    What the driver does not tell (in some containers it does not) is None.

    Args:
        nvml: The driver's library, initialized: the module ``pynvml``.
        handle: How that calls the GPU.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle

    @classmethod
    def visible(cls, environ: Mapping[str, str] = os.environ, nvml: Any = None) -> Gpu:
        """The first GPU that programs see which are started with `environ`: CUDA calls it ``cuda:0``.

        Numbers are the driver's, as they are CUDA's on machines with one kind of GPU.

        Args:
            environ: Its ``CUDA_VISIBLE_DEVICES`` has numbers or UUIDs.
            nvml: Stands in for ``pynvml``.

        Raises:
            TrialFailed: there is none, with what is missing.
        """
        if nvml is None:
            if problem := missing(PACKAGES):
                raise TrialFailed(f"a GPU as the target {problem}")
            nvml = import_module("pynvml")
        try:
            nvml.nvmlInit()
            count = int(nvml.nvmlDeviceGetCount())
        except nvml.NVMLError as error:
            raise TrialFailed(
                f"no NVIDIA driver answers on this machine ({error}); install one (nvidia-smi then lists the GPUs), or "
                "give the container access to it"
            ) from error
        named = environ.get("CUDA_VISIBLE_DEVICES")
        first = "0" if named is None else named.split(",")[0].strip()
        if not count:
            raise TrialFailed("this machine has no NVIDIA GPU")
        if first in ("", "-1"):
            raise TrialFailed(
                f"CUDA_VISIBLE_DEVICES={named!r} hides all {count} GPUs of this machine from this process; in a sweep "
                "set cluster.gpus_per_trial"
            )
        try:
            handle = (
                nvml.nvmlDeviceGetHandleByIndex(int(first))
                if first.isdigit()
                else nvml.nvmlDeviceGetHandleByUUID(first)
            )
        except nvml.NVMLError as error:
            raise TrialFailed(f"CUDA_VISIBLE_DEVICES={named!r} names no GPU of this machine: {error}") from error
        return cls(nvml, handle)

    @property
    def uuid(self) -> str:
        """The name that it keeps in every process: ``GPU-…``."""
        return _text(self._nvml.nvmlDeviceGetUUID(self._handle))

    @property
    def name(self) -> str:
        """The name of its kind, such as ``NVIDIA H100 80GB HBM3``."""
        return _text(self._nvml.nvmlDeviceGetName(self._handle))

    @property
    def driver(self) -> str:
        """The version of the driver."""
        return _text(self._nvml.nvmlSystemGetDriverVersion())

    def clock_mhz(self) -> int | None:
        """The present clock of its processors."""
        mhz: int | None = self._told("nvmlDeviceGetClockInfo", self._nvml.NVML_CLOCK_SM)
        return mhz

    def slowed_by(self) -> tuple[str, ...] | None:
        """Return what keeps its clocks below what it was set to, at this moment."""
        reasons = self._told("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:
            return None
        bits = {name: getattr(self._nvml, name, 0) for name in SLOWED}
        return tuple(dict.fromkeys(SLOWED[name] for name, bit in bits.items() if reasons & bit))

    def energy_mj(self) -> int | None:
        """Millijoules since the driver was loaded."""
        millijoules: int | None = self._told("nvmlDeviceGetTotalEnergyConsumption")
        return millijoules

    def memory_bytes(self, pid: int) -> int | None:
        """The GPU memory that the process `pid` holds, what CUDA itself needs included."""
        for process in self._told("nvmlDeviceGetComputeRunningProcesses") or ():
            if process.pid == pid and process.usedGpuMemory is not None:
                return int(process.usedGpuMemory)
        return None

    def busy_processes(self, since_us: int, own: int) -> tuple[int, ...] | None:
        """The processes that computed on it since `since_us`, in microseconds since the epoch, but for `own`.

        Where the driver counts processes otherwise than this machine does, as in containers, they are not known.
        """
        running = self._told("nvmlDeviceGetComputeRunningProcesses")
        if running is None or own not in {process.pid for process in running}:
            return None
        try:
            samples = self._nvml.nvmlDeviceGetProcessUtilization(self._handle, since_us)
        except self._nvml.NVMLError_NotFound:  # nobody did
            return ()
        except self._nvml.NVMLError:
            return None
        return tuple(sorted({sample.pid for sample in samples if sample.smUtil and sample.pid != own}))

    def _told(self, function: str, *arguments: Any) -> Any:
        """The answer of the driver's `function`, or None if it has none."""
        try:
            return getattr(self._nvml, function)(self._handle, *arguments)
        except (self._nvml.NVMLError, AttributeError):  # an old driver, or an old library, has not every function
            return None


def lease_name(target: Target) -> str:
    """The name of the device that is had alone while a file is measured for `target`, see `pipelines.lease`.

    Of a GPU that is its UUID: work on other GPUs goes on. Where none is in sight, nothing is measured on one either.
    """
    if not target.on_gpu:
        return target.device
    try:
        return Gpu.visible().uuid
    except TrialFailed:
        return target.device


def _text(answer: str | bytes) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer
