"""The protocol of meters, which take numbers from an exported file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from pipelines.bench.job import Job
from pipelines.bench.running import run_bench
from pipelines.lease import Lease
from pipelines.measurement import Measurement
from pipelines.runtimes import RUNTIMES, Artifact, Runtime, Session, Target, origin_of, to_feed
from pipelines.store import Store
from pipelines.tasks.task import Task, has_own_score, to_batch

Direction = Literal["maximize", "minimize"]

NOT_ASKED_FOR = "not asked for; it is measured where an objective or a constraint names it"
"""The reason why a metric that is measured on request only is absent."""


@dataclass(frozen=True)
class Metric:
    """A number with a name.

    Attributes:
        name: Its name, unit included.
        direction: Which way is better.
        help: What it is, in one line.
        objective: Whether it may be optimised; some numbers mislead by themselves and are only shown.
        absence: For a number that not every machine can measure: says why this one cannot for a target, empty if it
            can.
        devices: The devices on which it is ever measured; any, when empty.
        of_structure: Whether it depends on nothing but the file's structure, not on the values that training finds.
        exact: Whether every measurement of the same file repeats it.
        best: The best value that there can be, None if there is no bound; see `best_for`.
        of_score: Whether it stands on the task's score, which a task may define itself.
        on_request: Whether it is measured only where it is asked for, as it takes long.
    """

    name: str
    direction: Direction
    help: str
    objective: bool = True
    absence: Callable[[Target], str] | None = None
    devices: tuple[str, ...] = ()
    of_structure: bool = False
    exact: bool = False
    best: float | None = None
    of_score: bool = False
    on_request: bool = False

    def best_for(self, task: Task) -> float | None:
        """The best value that there can be for `task`; None if none is known, as of a score that is the task's own."""
        return None if self.of_score and has_own_score(task) else self.best

    @property
    def optional(self) -> bool:
        """True if a measurement is whole without it."""
        return self.absence is not None or self.on_request


@dataclass(frozen=True)
class Candidate:
    """An exported file, and what it is compared with.

    Attributes:
        artifact: The exported file.
        reference: The exported, uncompressed teacher: ratios refer to it.
        parent: The same recipe without its last step, exported: what that step has to improve on. The teacher's own
            parent is the teacher.
        task: Gives the validation data.
        target: What the file has to run on.
        store: Where what is measured once for a file is kept.
        asked: The metrics that are asked for by name; of those that are measured on request only, no others are.
        lease: Of the device that is measured on.
        fingerprint: That of the task: scores of a file are kept for files and tasks that are the same.
    """

    artifact: Artifact
    reference: Artifact
    parent: Artifact
    task: Task
    target: Target
    store: Store = field(compare=False)
    asked: frozenset[str] = frozenset()
    lease: Lease = field(default_factory=Lease, compare=False)
    fingerprint: str = ""

    @property
    def runtime(self) -> Runtime:
        """The runtime that executes it."""
        return RUNTIMES[self.target.runtime]

    def load(self, artifact: Artifact) -> Session:
        """A fresh session of `artifact` for the target.

        Raises:
            TrialFailed: the runtime refuses the file.
        """
        return self.runtime.load(artifact, self.target)

    def running(self, metrics: Iterable[Metric], notes: str = "") -> Measurement:
        """Return `metrics` of the running file, with the notes whose names begin with `notes`, if any.

        All that is measured while the file runs is measured at once, when it is asked for the first time.

        Raises:
            TrialFailed: the file does not run.
        """
        names = {metric.name for metric in metrics}
        return Measurement(
            {name: value for name, value in self._shown.metrics.items() if name in names},
            {name: ends for name, ends in self._shown.intervals.items() if name in names},
            {name: words for name, words in self._shown.notes.items() if notes and name.startswith(notes)},
        )

    @cached_property
    def _shown(self) -> Measurement:
        origin = origin_of(self.runtime)
        job = Job(self.artifact, self.reference, self.parent, Path(), self.target, origin=origin)
        return run_bench(job, to_feed(to_batch(self.task.example_input(), self.target.batch)), self.lease)


class Meter(Protocol):
    """Takes some numbers from an exported file.

    What takes more than a moment is done with a share of ``candidate.lease``, so that nobody measures meanwhile.

    Attributes:
        metrics: What it measures.
        running: Whether it shows only while the file runs on its target, see `Candidate.running`; all else is measured
            where the file was built.
    """

    metrics: tuple[Metric, ...]
    running: bool

    def measure(self, candidate: Candidate) -> Measurement:
        """A number for each of `metrics`, and what goes with it.

        An optional number that this machine cannot measure, or that nobody asked for, is left out, and a note of the
        metric's name says why.

        Raises:
            TrialFailed: the file does not run, or gives no usable number.
        """
