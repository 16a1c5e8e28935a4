"""The measuring lane: files that workers have built are measured on the machines that they are for.

Ray gives each measurement a machine that offers the target's resource, starts it again elsewhere if that machine goes
away, and brings the files there. A trial that was built lies among the results until its measurement has arrived.
"""

from __future__ import annotations

import json
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import ray
from ray.exceptions import RayError

from pipelines import RUNTIMES, Evaluation, Target, TrialFailed
from pipelines.bench.answer import Failure
from pipelines.evaluator import Unmeasured
from pipelines.ledger import FOR_TARGET, spending
from pipelines.measurement import Measurement
from pipelines.runtimes import Artifact, origin_of
from pipelines.store import Store
from pipelines.waiting import telling
from search.execution.attempts import MAX_ATTEMPTS
from search.execution.measuring import Answered, Order, measure_files
from search.execution.ray_error import error_words, first_line
from search.study.outcome import Complete, Failed, Outcome
from search.study.trial import ELSEWHERE, Result
from spaces import Recipe

LOG = logging.getLogger(__name__)

KEPT = 6
"""So many files stay in Ray's memory though nobody waits for them: the next trials are compared with some of them."""

LEAST, PER_SLOT = 8, 2
"""So many built files may wait, at least, and for each trial that runs at once: then no trial begins before one is
measured."""

LOOK_S, AGAIN_S = 10.0, 600.0
"""How often it is looked whether any machine measures, and how often it is said again that none does."""


class Parted(Protocol):
    """Builds here what is measured elsewhere: `pipelines.Evaluator`, or one with known answers in tests."""

    @property
    def target(self) -> Target:
        """What the files have to run on."""

    @property
    def feed(self) -> Mapping[str, np.ndarray]:
        """The inputs of one call."""

    def make(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """See `pipelines.Evaluator.make`."""

    def complete(self, found: Measurement, unmeasured: Unmeasured, ran: Measurement) -> Measurement:
        """See `pipelines.Evaluator.complete`."""

    def artifact(self, key: str) -> Artifact | None:
        """See `pipelines.Evaluator.artifact`."""

    def prepare(self) -> None:
        """See `pipelines.Evaluator.prepare`."""

    @property
    def store(self) -> Store:
        """Where results of stages are kept."""

    def keep_in(self, store: Store) -> Self:
        """The same with another store."""


@dataclass(frozen=True)
class Place:
    """The machines on which files are measured.

    Attributes:
        resource: The resource that they offer to Ray; a measurement takes one of it.
        processors: Those that are kept free for measuring; all of the machine's may be used, when empty.
    """

    resource: str
    processors: tuple[int, ...] = ()


class FileLostError(Exception):
    """A file that is to be measured is not in the store any more."""


class Sender:
    """Sends files to the machines that measure.

    Args:
        parted: Knows the files.
        place: Where they are measured.
    """

    def __init__(self, parted: Parted, place: Place) -> None:
        self._parted, self._place = parted, place
        self._files: OrderedDict[str, tuple[ray.ObjectRef[Any], str, str]] = OrderedDict()
        self._feed: ray.ObjectRef[Any] | None = None
        # By default it would run among the resources of the trial that asks for it, which are on another machine.
        self._measure = ray.remote(measure_files).options(
            num_cpus=0,
            resources={place.resource: 1},
            max_retries=MAX_ATTEMPTS - 1,
            scheduling_strategy="DEFAULT",
        )

    def send(self, unmeasured: Unmeasured) -> ray.ObjectRef[Any]:
        """Have the files of `unmeasured` measured.

        Returns:
            What will be an `Answered`.

        Raises:
            FileLostError: one of them is not in the store.
        """
        files = [self._file(key) for key in unmeasured.keys]
        self._feed = self._feed or ray.put(dict(self._parted.feed))
        target = self._parted.target
        order = Order(
            unmeasured.model,
            unmeasured.reference,
            unmeasured.parent,
            unmeasured.keys,
            *files[0][1:],
            target,
            origin_of(RUNTIMES[target.runtime]),
            self._place.processors,
        )
        return self._measure.remote(order, self._feed, *(file for file, *_ in files))

    def _file(self, key: str) -> tuple[ray.ObjectRef[Any], str, str]:
        """The file with this key in Ray's memory, its name, and its format."""
        if key not in self._files:
            artifact = self._parted.artifact(key)
            if artifact is None:
                raise FileLostError(key)
            self._files[key] = (ray.put(artifact.path.read_bytes()), artifact.path.name, artifact.format)
        self._files.move_to_end(key)
        while len(self._files) > KEPT:
            self._files.popitem(last=False)
        return self._files[key]


class MeasuredThere:
    """Evaluates recipes by building them here and waiting until they were measured elsewhere.

    Args:
        parted: Builds.
        place: Where files are measured.
    """

    def __init__(self, parted: Parted, place: Place) -> None:
        self._parted, self._place = parted, place
        self._sender: Sender | None = None

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """See `search.execution.work.Evaluate`."""
        made = self._parted.make(recipe, fidelity)
        if made.unmeasured is None:
            return made
        self._sender = self._sender or Sender(self._parted, self._place)
        with spending(FOR_TARGET), telling(self._nobody):
            answered = ray.get(self._sender.send(made.unmeasured))
        found = _measurement(self._parted, made.measurement, made.unmeasured, answered)
        return replace(made, measurement=found, unmeasured=None)

    def _nobody(self) -> str:
        """That no machine measures; empty if one does."""
        return "" if self._place.resource in ray.cluster_resources() else awaited(self._place.resource)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_sender": None}


class LeftToMeasure:
    """Evaluates recipes for a worker: what is measured before a decision, it waits for; the rest it leaves to the lane.

    Args:
        parted: Builds.
        place: Where files are measured.
    """

    def __init__(self, parted: Parted, place: Place) -> None:
        self._parted, self._place, self._there = parted, place, MeasuredThere(parted, place)

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """See `search.execution.work.Evaluate`; with all of its trainings, a trial is only built."""
        return self._parted.make(recipe) if fidelity == 1 else self._there(recipe, fidelity)

    @property
    def store(self) -> Store:
        """Where results of stages are kept."""
        return self._parted.store

    def keep_in(self, store: Store) -> LeftToMeasure:
        """The same with another store."""
        return LeftToMeasure(self._parted.keep_in(store), self._place)

    def prepare(self) -> None:
        """See `search.execution.work.Prepares`."""
        self._parted.prepare()


class Lane:
    """Has files measured in the order in which they were built, and completes their trials.

    Only as many are handed to Ray as can be measured at once, and one more: what a worker waits for does not stand
    behind all others.

    Args:
        parted: Knows the files.
        place: Where they are measured.
        slots: How many trials are built at once.
    """

    def __init__(self, parted: Parted, place: Place, slots: int) -> None:
        self._parted, self._place = parted, place
        self._sender = Sender(parted, place)
        self._room = max(LEAST, PER_SLOT * slots)
        self._waiting: deque[Result] = deque()
        self._out: dict[ray.ObjectRef[Any], Result] = {}
        self._looked_at, self._told_at, self._width = 0.0, float("-inf"), 1

    def __len__(self) -> int:
        """The number of files that are not measured yet."""
        return len(self._waiting) + len(self._out)

    @property
    def is_full(self) -> bool:
        """True if so many files wait that no more are to be built."""
        return len(self) >= self._room

    def add(self, built: Result) -> None:
        """Have the file of `built` measured after those that wait already."""
        self._waiting.append(built)

    def collect(self, timeout_s: float = 0.0) -> Iterator[tuple[Result, Result | None]]:
        """Give the results of what was measured since, after waiting for one no longer than `timeout_s`.

        Yields:
            What was added, and the trial's result; None where a file is gone from the store, and has to be built again.
        """
        self._look()
        while self._waiting and len(self._out) <= self._width:
            built = self._waiting.popleft()
            assert built.unmeasured
            try:
                self._out[self._sender.send(built.unmeasured)] = built
            except FileLostError:
                yield built, None
        if not self._out:
            return
        ready, _ = ray.wait(list(self._out), num_returns=1, timeout=timeout_s)
        more, _ = ray.wait(list(self._out), num_returns=len(self._out), timeout=0)
        for answer in dict.fromkeys((*ready, *more)):
            built = self._out.pop(answer)
            yield built, self._completed(built, answer)

    def drop(self) -> None:
        """Measure nothing more: what was added is measured another time."""
        for answer in self._out:
            with suppress(Exception):  # Ray may have gone
                ray.cancel(answer, force=True)
        self._out.clear()
        self._waiting.clear()

    def _completed(self, built: Result, answer: ray.ObjectRef[Any]) -> Result:
        assert built.unmeasured
        assert isinstance(built.outcome, Complete)
        outcome: Outcome
        try:
            found = _measurement(self._parted, built.outcome.measurement, built.unmeasured, ray.get(answer))
            outcome = Complete(found, built.outcome.model)
        except TrialFailed as error:
            outcome = Failed(error.reason)
        except RayError as error:
            words = error_words(error) or first_line(error)
            outcome = Failed(f"its file was built, and measuring it failed {MAX_ATTEMPTS} times: {words}")
        now = time.time()
        seconds = {**built.seconds, ELSEWHERE: now - built.finished}
        return replace(built, finished=now, outcome=outcome, seconds=seconds, unmeasured=None)

    def _look(self) -> None:
        """Look how many machines measure, and say so if it is none and somebody waits for one."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        there = ray.cluster_resources().get(self._place.resource, 0)
        self._width = max(1, int(there))
        if there:
            self._told_at = float("-inf")
        elif len(self) and now - self._told_at > AGAIN_S:
            self._told_at = now
            LOG.warning("%s", awaited(self._place.resource, len(self)))


def awaited(resource: str, files: int = 0) -> str:
    """Return what to say while no machine of the cluster offers `resource` and so many files are to be measured."""
    address = ray.get_runtime_context().gcs_address
    offer = json.dumps({resource: 1})
    waits = f"{files} files wait to be measured; " if files else ""
    return (
        f"no node of the cluster offers the resource {resource!r}, on which files are measured; {waits}on a machine "
        f"that is to measure, run: ray start --address={address} --num-cpus=0 --resources='{offer}'"
    )


def _measurement(parted: Parted, found: Measurement, unmeasured: Unmeasured, answered: Answered) -> Measurement:
    """The whole measurement.

    Raises:
        TrialFailed: there is none.
    """
    if isinstance(answered.answer, Failure):
        raise TrialFailed(answered.answer.reason)
    return parted.complete(found, unmeasured, answered.answer)
