"""The protocol of runtimes, which execute an exported file.

Nothing in this package imports torch: the meter loads runtimes in a process without it, unless they need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from pipelines.runtimes.artifact import Artifact
from pipelines.runtimes.target import Target
from pipelines.runtimes.timing import Timing
from pipelines.tasks.input_names import input_names

if TYPE_CHECKING:
    from pipelines.tasks.task import Inputs

Feed = dict[str, np.ndarray]
"""One batch as an exported file takes it: input name → array."""

OUTPUT = "output"
"""The name of an exported file's output, where there is one."""


def to_feed(inputs: Inputs) -> Feed:
    """`inputs` as the exported file takes them: by their own names, if they have names."""
    if isinstance(inputs, Mapping):
        named = dict(sorted(inputs.items()))
    else:
        tensors = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        names = getattr(tensors, "names", None) or input_names(len(tensors))
        named = dict(zip(names, tensors, strict=True))
    return {name: x.detach().cpu().numpy() for name, x in named.items()}


class Session(Protocol):
    """An exported file, loaded and ready."""

    def run(self, feed: Feed) -> np.ndarray:
        """The file's output for one batch, batch first: the one that is scored, if there are several."""

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        """All outputs of the file for one batch by name, the scored one first."""

    def timed_run(self, feed: Feed) -> Timing:
        """Run one batch and give its duration by the clock that the device needs, once its output is there."""


@runtime_checkable
class GpuSession(Session, Protocol):
    """A session on a GPU. Its `timed_run` finds the inputs on the GPU, and leaves the output there.

    The first one for a batch compiles and captures what there is to be compiled and captured.

    Attributes:
        notes: What is to be said of how it executes the file, by names that begin with ``latency.``.
    """

    notes: Mapping[str, str]

    def repeat(self, feed: Feed, count: int) -> None:
        """Run the batch of the last `timed_run` `count` times without waiting in between, and wait for the last."""

    def peak_bytes(self) -> int | None:
        """The most GPU memory that this process' sessions held; None if the runtime does not tell."""


class Runtime(Protocol):
    """A program that executes exported files.

    Its file imports neither torch nor anything that does: the meter loads it in a process of its own, by its name in
    `RUNTIMES`; one that does not come with Paredown by its class, which takes no arguments and lies at the top level of
    a module. What is an optional extra is imported in `load`, which says what to install.

    Attributes:
        name: The value of ``target.runtime`` that selects it.
        format: The name of the format that it executes, in `pipelines.formats.FORMATS`.
        packages: The distributions that it needs; their versions go with what is measured in it.
        devices: The values of ``target.device`` that it executes on.
        needs_torch: Whether `load` imports torch. The process that measures has imported it before then, so that its
            memory is not taken for the file's.
    """

    name: str
    format: str
    packages: tuple[str, ...]
    devices: tuple[str, ...]
    needs_torch: bool

    def problem(self, device: str) -> str | None:
        """Return why it cannot execute on `device` on this machine and what to install, or None if it can.

        Packages, drivers and devices that are missing altogether are looked for before it is asked.
        """

    def load(self, artifact: Artifact, target: Target) -> Session:
        """Load `artifact` into a fresh session on the target's device, with its threads for one call.

        Raises:
            TrialFailed: the runtime refuses the file.
        """

    def script(self, file: str, feed: str, target: Target) -> str:
        """A Python program of at most 15 lines that runs `file` with the runtime and NumPy alone.

        Its last line prints the output that is scored: ``print(…)``.

        Args:
            file: The file's name; it lies beside the program, as does the ``manifest.json`` of the export.
            feed: Python code that makes the inputs, with NumPy as ``np``: a dict of arrays by name.
            target: Gives the device and the threads of one call.
        """
