"""Trajectories: a training goes on from where it was left, and gives what it would have given in one go."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.store import Store
from pipelines.time_limit import BYTES_PER_S, limit_s, time_limit
from pipelines.training.seed import seed_everything
from spaces import digest

State = Mapping[str, Any]
"""All that a training has learned and remembers: tensors and numbers in mappings and lists."""

FILE = "state.pt"
INTERVAL_S = 60.0
"""A training that is killed loses no more than this, and the epoch that it was in."""


@dataclass(frozen=True)
class TrainingPhase:
    """One of the trainings of a stage.

    Attributes:
        epochs: How many epochs its schedule has.
        common: How many of them a longer training of the same stage begins with, too.
        phase: Which it is, if the stage has several.
    """

    epochs: int
    common: int = 0
    phase: int | None = None

    def line(self, epoch: int) -> int | None:
        """Return what the state after `epoch` epochs knows of their number: None if a longer training passes it."""
        return None if epoch <= self.common else self.epochs


class Trajectory:
    """The settings that the trainings of one stage depend on, and those they share with longer and shorter ones.

    It seeds each of their epochs, and keeps their states in the store: of each course the latest, which takes the place
    of the one before. Deterministic algorithms given, the state after an epoch depends on nothing but `key`, the course
    and the epoch.

    Args:
        key: A digest of all that the stage depends on, except for how many epochs there are.
        store: Where states are kept; nowhere, when None.
        keeps: Whether more are kept there; those that are there are gone on from anyway.

    Attributes:
        key: The digest.
    """

    def __init__(self, key: str = "", store: Store | None = None, *, keeps: bool = True) -> None:
        self.key, self._store, self._keeps = key, store, keeps
        self._kept: dict[tuple[int | None, int | None], str] = {}
        self._written = time.monotonic()

    def only_read(self) -> Trajectory:
        """Return one that goes on from the same states, and keeps none."""
        return Trajectory(self.key, self._store, keeps=False)

    def seed(self, epoch: int, phase: int | None = None) -> None:
        """Seed every generator for what comes after `epoch` epochs of that phase."""
        seed_everything(digest({"trajectory": self.key, "phase": phase, "epoch": epoch}))

    def latest(self, course: TrainingPhase, until: int) -> tuple[int, State] | None:
        """The latest undamaged state of `course` after at most `until` epochs, with their number; None without one."""
        self._written = time.monotonic()
        for epoch in range(until, 0, -1) if self._store else ():
            key = self._state_key(course, epoch)
            if self._store and (folder := self._store.get(key)):
                with contextlib.suppress(FileNotFoundError):  # another worker has got further and removed it
                    state = torch.load(folder / FILE, map_location="cpu", weights_only=True)
                    self._kept[course.phase, course.line(epoch)] = key
                    return epoch, state
        return None

    def passed(self, course: TrainingPhase, epoch: int, state: Callable[[], State], *, last: bool) -> None:
        """Keep the state after `epoch` epochs of `course` if there will be use for it.

        Args:
            course: The training.
            epoch: How many epochs are done.
            state: Gives the state.
            last: The training ends here for now, and will go on another time.
        """
        overdue = time.monotonic() - self._written >= INTERVAL_S
        if self._store and self._keeps and (last or overdue or epoch == course.common):
            self._keep(self._store, course, epoch, state())
            self._written = time.monotonic()

    def over(self) -> None:
        """Remove the states that nothing can go on from now that the stage's result, with all its epochs, is there."""
        for (phase, line), key in list(self._kept.items()):
            if self._store and line is not None:
                self._store.discard(key)
                del self._kept[phase, line]

    def _keep(self, store: Store, course: TrainingPhase, epoch: int, state: State) -> None:
        def make(out: Path) -> None:
            with time_limit(limit_s(_size_bytes(state) / BYTES_PER_S), "writing the training's state"):
                torch.save(state, out / FILE)

        key, place = self._state_key(course, epoch), (course.phase, course.line(epoch))
        store.compute(key, make, about={"stage": "training", "params": {"epoch": epoch, "of": course.epochs}})
        if (before := self._kept.get(place)) not in (None, key):
            store.discard(str(before))
        self._kept[place] = key

    def _state_key(self, course: TrainingPhase, epoch: int) -> str:
        about = {"phase": course.phase, "epochs": course.line(epoch), "state": epoch}
        return digest({"trajectory": self.key, **about})


def _size_bytes(state: object) -> int:
    """Return the bytes of the tensors in `state`."""
    if isinstance(state, Tensor):
        return state.nbytes
    parts = state.values() if isinstance(state, Mapping) else state if isinstance(state, list | tuple) else ()
    return sum(_size_bytes(part) for part in parts)
