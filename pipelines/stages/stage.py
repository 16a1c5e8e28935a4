"""The protocol of stages: one node of the graph of work, from a folder to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.settings import Training
from spaces import Form as Form
from spaces import Params

NOTE = "note.txt"
"""In a stage's folder, if there is anything to say of the result: words that go with every trial that it led to."""


class Stage(Protocol):
    """One step of the work, a pure function of its parent's folder, its parameters and the context.

    Attributes:
        name: What it is called in timings and manifests.
        form: What it takes and gives: stages that work on networks come before the export, those on files after it.
        version: Raised when the stage's code would give another result for the same key.
        libraries: The distributions whose version changes its result.
    """

    name: str
    form: Form
    version: int
    libraries: tuple[str, ...]

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """The parts of the context, beyond task and seed, that change the result with `params`: they are in the key.

        Not how far a stage trains: see `Trains`.
        """

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """Write the result into the empty folder `out`.

        Args:
            parent: The folder of the stage before; means nothing to the first.
            out: Where to write.
            params: The step's parameters by key.
            context: What stages share.

        Raises:
            TrialFailed: the result cannot be made.
        """


@runtime_checkable
class Trains(Protocol):
    """The protocol of stages that train: all their trainings go through `pipelines.training.loop.train`."""

    def extent(self, params: Params, context: Context) -> EpochBudget:
        """The epochs it trains for, and of how many: in the key, but not in that of its trajectory."""

    def epochs(self, training: Training) -> int:
        """Return the number of epochs of its schedule with the settings `training`."""


@runtime_checkable
class Listens(Protocol):
    """The protocol of stages that may ask the uncompressed teacher, whose folder is then `Context.teacher`."""

    def listens(self, params: Params) -> bool:
        """Return True if the stage asks it with `params`."""


def note_in(folder: Path) -> str:
    """Return words that go with the result of a stage in `folder`, empty if there are none."""
    return (folder / NOTE).read_text(encoding="utf-8") if (folder / NOTE).exists() else ""
