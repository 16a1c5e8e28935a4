"""The measuring lane: files that workers have built are measured on the machines that they are for.

Ray gives each measurement a machine that offers the target's resource, starts it again elsewhere if that machine goes
away, and brings the files there. A trial that was built lies among the results until its measurement has arrived.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import ray
from ray.exceptions import RayError

from pipelines import RUNTIMES, Evaluation, Targets, TrialFailed
from pipelines.bench.answer import Failure
from pipelines.evaluator import Unmeasured
from pipelines.ledger import FOR_TARGET, spending
from pipelines.measurement import Measurement
from pipelines.runtimes import Artifact, origin_of
from pipelines.store import Store
from pipelines.waiting import telling
from search.execution.attempts import MAX_ATTEMPTS
from search.execution.awaited import awaited
from search.execution.measuring import Answered, Order, measure_files
from search.execution.measuring_queue import FileLostError, MeasuringQueue
from search.execution.ray_error import error_words, first_line
from search.execution.work import Keeps, Prepares
from search.study.outcome import Complete, Failed, Outcome
from search.study.trial import ELSEWHERE, Result
from spaces import Recipe

KEPT = 6
"""So many files for each target stay in Ray's memory though nobody waits for them: the next trials are compared with
some of them."""

LEAST, PER_SLOT = 8, 2
"""So many built files may wait, at least, and for each trial that runs at once: then no trial begins before one is
measured."""


class Parted(Keeps, Prepares, Protocol):
    """Builds here what is measured elsewhere: `pipelines.Evaluator`, or one with known answers in tests."""

    @property
    def targets(self) -> Targets:
        """What the files have to run on."""

    def feed(self, target: str) -> Mapping[str, np.ndarray]:
        """See `pipelines.Evaluator.feed`."""

    def make(self, recipe: Recipe, fidelity: float = 1.0, elsewhere: Collection[str] = ()) -> Evaluation:
        """See `pipelines.Evaluator.make`."""

    def complete(self, found: Measurement, unmeasured: Unmeasured, ran: Measurement) -> Measurement:
        """See `pipelines.Evaluator.complete`."""

    def artifact(self, key: str, target: str) -> Artifact | None:
        """See `pipelines.Evaluator.artifact`."""


@dataclass(frozen=True)
class Place:
    """The machines on which files are measured for a target.

    Attributes:
        resource: The resource that they offer to Ray; a measurement takes one of it.
        processors: Those that are kept free for measuring; all of the machine's may be used, when empty.
    """

    resource: str
    processors: tuple[int, ...] = ()


Places = Mapping[str, Place]
"""Where files are measured, by the name of the target; those for other targets are measured where they are built."""


class Sender:
    """Sends files to the machines that measure.

    Args:
        parted: Knows the files.
        places: Where they are measured.
    """

    def __init__(self, parted: Parted, places: Places) -> None:
        self._parted, self._places = parted, places
        self._files: OrderedDict[str, tuple[ray.ObjectRef[Any], str, str]] = OrderedDict()
        self._feeds: dict[str, ray.ObjectRef[Any]] = {}
        # By default it would run among the resources of the trial that asks for it, which are on another machine.
        self._measure = {
            name: ray.remote(measure_files).options(
                num_cpus=0,
                resources={place.resource: 1},
                max_retries=MAX_ATTEMPTS - 1,
                scheduling_strategy="DEFAULT",
            )
            for name, place in places.items()
        }

    def send(self, unmeasured: Unmeasured) -> ray.ObjectRef[Any]:
        """Have the files of `unmeasured` measured.

        Returns:
            What will be an `Answered`.

        Raises:
            FileLostError: one of them is not in the store.
        """
        name = unmeasured.target
        files, target = [self._file(key, name) for key in unmeasured.keys], self._parted.targets[name]
        if name not in self._feeds:
            self._feeds[name] = ray.put(dict(self._parted.feed(name)))
        order = Order(
            unmeasured.model,
            unmeasured.reference,
            unmeasured.parent,
            unmeasured.keys,
            *files[0][1:],
            target,
            origin_of(RUNTIMES[target.runtime]),
            self._places[name].processors,
        )
        return self._measure[name].remote(order, self._feeds[name], *(file for file, *_ in files))

    def _file(self, key: str, target: str) -> tuple[ray.ObjectRef[Any], str, str]:
        """The file with this key in Ray's memory, its name, and its format."""
        if key not in self._files:
            artifact = self._parted.artifact(key, target)
            if artifact is None:
                raise FileLostError(key)
            self._files[key] = (ray.put(artifact.path.read_bytes()), artifact.path.name, artifact.format)
        self._files.move_to_end(key)
        while len(self._files) > KEPT * len(self._places):
            self._files.popitem(last=False)
        return self._files[key]


class MeasuredThere:
    """Evaluates recipes by building them here and waiting until they were measured elsewhere.

    Args:
        parted: Builds, and measures for the other targets.
        places: Where files are measured.
    """

    def __init__(self, parted: Parted, places: Places) -> None:
        self._parted, self._places = parted, places
        self._sender: Sender | None = None

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """See `search.execution.work.Evaluate`."""
        made = self._parted.make(recipe, fidelity, tuple(self._places))
        self._sender = self._sender or Sender(self._parted, self._places)
        with spending(FOR_TARGET), telling(self._nobody):
            answers = [self._sender.send(each) for each in made.unmeasured]
            answered = [ray.get(answer) for answer in answers]
        found = made.measurement
        for unmeasured, each in zip(made.unmeasured, answered, strict=True):
            found = _measurement(self._parted, found, unmeasured, each)
        return replace(made, measurement=found, unmeasured=())

    def _nobody(self) -> str:
        """That no machine measures; empty if each resource is offered by one."""
        offered = ray.cluster_resources()
        wanted = dict.fromkeys(place.resource for place in self._places.values())
        return next((awaited(resource) for resource in wanted if resource not in offered), "")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_sender": None}


class LeftToMeasure:
    """Evaluates recipes for a worker: what is measured before a decision, it waits for; the rest it leaves to the lane.

    Args:
        parted: Builds, and measures for the other targets.
        places: Where files are measured.
    """

    def __init__(self, parted: Parted, places: Places) -> None:
        self._parted, self._places, self._there = parted, places, MeasuredThere(parted, places)

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """See `search.execution.work.Evaluate`; with all of its trainings, a trial is only built."""
        if fidelity == 1:
            return self._parted.make(recipe, elsewhere=tuple(self._places))
        return self._there(recipe, fidelity)

    @property
    def store(self) -> Store:
        """Where results of stages are kept."""
        return self._parted.store

    def keep_in(self, store: Store) -> LeftToMeasure:
        """The same with another store."""
        return LeftToMeasure(self._parted.keep_in(store), self._places)

    def prepare(self) -> None:
        """See `search.execution.work.Prepares`."""
        self._parted.prepare()


class Lane:
    """Has files measured in the order in which they were built, and completes their trials.

    Each resource has a queue of its own, and a trial ends when the last of its files has been measured.

    Args:
        parted: Knows the files.
        places: Where they are measured.
        slots: How many trials are built at once.
    """

    def __init__(self, parted: Parted, places: Places, slots: int) -> None:
        self._parted, self._places = parted, places
        sender = Sender(parted, places)
        self._queues = {place.resource: MeasuringQueue(place.resource, sender) for place in places.values()}
        self._room = max(LEAST, PER_SLOT * slots)
        self._built: dict[int, Result] = {}

    def __len__(self) -> int:
        """The number of trials that are not measured yet."""
        return len(self._built)

    @property
    def is_full(self) -> bool:
        """True if so many trials wait that no more are to be built."""
        return len(self) >= self._room

    def add(self, built: Result) -> None:
        """Have the files of `built` measured after those that wait already."""
        self._built[built.number] = built
        for each in built.unmeasured:
            self._queues[self._places[each.target].resource].add(built.number, each)

    def collect(self, timeout_s: float = 0.0) -> Iterator[tuple[Result, Result | None]]:
        """Give the results of what was measured since, after waiting for one no longer than `timeout_s`.

        Yields:
            What was known of a trial, and its result, which still has what is to be measured on other targets; None
            where a file is gone from the store, and has to be built again.
        """
        queues = self._queues.values()
        for lost in [number for queue in queues for number in queue.send()]:
            if lost in self._built:
                yield self._end(lost), None
        out = [answer for queue in queues for answer in queue.out]
        if not out:
            return
        ready, _ = ray.wait(out, num_returns=1, timeout=timeout_s)
        more, _ = ray.wait(out, num_returns=len(out), timeout=0)
        for answer in dict.fromkeys((*ready, *more)):
            for queue in queues:
                if taken := queue.out.pop(answer, None):
                    number, unmeasured = taken
                    built = self._built[number]
                    result = self._built[number] = self._measured(built, unmeasured, answer)
                    if not result.unmeasured:
                        self._end(number)
                    yield built, result

    def drop(self) -> None:
        """Measure nothing more: what was added is measured another time."""
        for queue in self._queues.values():
            queue.drop()
        self._built.clear()

    def _end(self, number: int) -> Result:
        for queue in self._queues.values():
            queue.forget(number)
        return self._built.pop(number)

    def _measured(self, built: Result, unmeasured: Unmeasured, answer: ray.ObjectRef[Any]) -> Result:
        """`built` with what came of one measurement: the trial's result, if it was the last or has failed."""
        assert isinstance(built.outcome, Complete)
        outcome: Outcome
        left = tuple(each for each in built.unmeasured if each != unmeasured)
        try:
            found = _measurement(self._parted, built.outcome.measurement, unmeasured, ray.get(answer))
            outcome = Complete(found, built.outcome.model)
        except TrialFailed as error:
            outcome, left = Failed(error.reason), ()
        except RayError as error:
            words = error_words(error) or first_line(error)
            outcome, left = Failed(f"its file was built, and measuring it failed {MAX_ATTEMPTS} times: {words}"), ()
        if left:
            return replace(built, outcome=outcome, unmeasured=left)
        now = time.time()
        seconds = {**built.seconds, ELSEWHERE: now - built.finished}
        return replace(built, finished=now, outcome=outcome, seconds=seconds, unmeasured=())


def _measurement(parted: Parted, found: Measurement, unmeasured: Unmeasured, answered: Answered) -> Measurement:
    """What is known with what was measured.

    Raises:
        TrialFailed: it could not be measured.
    """
    if isinstance(answered.answer, Failure):
        on = f"on {unmeasured.target}: " if unmeasured.target else ""
        raise TrialFailed(f"{on}{answered.answer.reason}")
    return parted.complete(found, unmeasured, answered.answer)
