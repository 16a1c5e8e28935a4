"""The target: the runtime, device and call that a file is exported and measured for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spaces import counted


@dataclass(frozen=True)
class Target:
    """The runtime, device and conditions that the exported file is for.

    Attributes:
        runtime: What executes the file; a name in `pipelines.runtimes.RUNTIMES`.
        device: Where it executes; one of the runtime's devices.
        batch: Inputs per call while latency is measured.
        threads: Threads that the runtime may use for one call.
        resource: The resource of the machines that it is measured on, which they offer to Ray; empty for the machine
            where it is built.
    """

    runtime: str = "onnxruntime"
    device: str = "cpu"
    batch: int = 1
    threads: int = 1
    resource: str = ""

    def __str__(self) -> str:
        where = f", on {self.resource}" if self.resource else ""
        return f"{self.runtime} on {self.device}, {self.call}{where}"

    @property
    def on_gpu(self) -> bool:
        """True if files execute on a GPU, which has memory, clocks and counters of its own."""
        return self.device == "cuda"

    @property
    def call(self) -> str:
        """Batch and threads of one call, for people: ``batch 1, 1 thread``."""
        return f"batch {self.batch}, {counted(self.threads, 'thread')}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The words that name it: ``("openvino", "cpu", "b8", "t1")``."""
        where = (self.resource,) if self.resource else ()
        return (self.runtime, self.device, f"b{self.batch}", f"t{self.threads}", *where)

    @property
    def slug(self) -> str:
        """Its parts in one word, for file names and keys: ``openvino-cpu-b8-t1``."""
        return "-".join(self.parts)

    def to_json(self) -> dict[str, Any]:
        """It as plain data; without a resource if it has none."""
        return {name: value for name, value in asdict(self).items() if name != "resource" or value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Target:
        """The target that `to_json` wrote."""
        return cls(**data)
