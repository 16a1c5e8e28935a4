"""MLflow follows the study: written from a thread of its own, never read back as truth."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, cast

from mlflow.entities import DatasetInput
from mlflow.tracking import MlflowClient

from pipelines import Task, load_task
from search.config.sweep_config import SweepConfig
from search.config.tracking_address import is_server, shown
from search.study.history import History
from search.study.state import SweepState
from search.study.trial import Trial
from search.study.workspace import Workspace
from search.tracking.client import connect
from search.tracking.dataset import dataset_input
from search.tracking.projection import Projection, Status

FRONT_EVERY_S, OVERVIEW_EVERY_S = 5.0, 60.0
"""The front's files, and the pictures of all trials, are written no more often than this while a sweep runs."""

SHARE = 0.05
"""Nor for a larger share of the time than this, which matters from some thousand trials on."""

GATHER_S = 0.5
"""For so long further changes are waited for, to be written together: a short trial's beginning with its end."""

FIRST_S, SILENCE_S = 10.0, 45.0
"""For so long a sweep waits for the first answer of a server before its trials, and in the end for the next answer."""

LONGEST = 200
"""Of an error that MLflow passes on, so many characters at most are told: it may be a whole page."""

LOG = logging.getLogger(__name__)


class Tracker:
    """Keeps MLflow in step with the study.

    Everything it does happens on its own thread. What fails there is told once, and tried again with the next change,
    at the end, and whenever the sweep is run again: a tracking server that is away costs the sweep less than a minute.

    Args:
        config: The sweep.
        workspace: Where the embedded store is.
        study_id: Marks the sweep's runs.
        trials: The trials that exist already.
        state: Where the sweep stands.
    """

    def __init__(
        self, config: SweepConfig, workspace: Workspace, study_id: str, trials: Iterable[Trial], state: SweepState
    ) -> None:
        self._config, self._workspace, self._study_id = config, workspace, study_id
        self._trials = {trial.number: trial for trial in trials}
        self._standing = state
        self._history = History(self._trials.values(), config)
        self._projection: Projection | None = None
        self._behind: set[int] = set()
        self._inbox: queue.Queue[tuple[Trial, SweepState] | Status] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="mlflow-tracker", daemon=True)
        self._front_due = 0.0
        self._overview_due = time.monotonic() + OVERVIEW_EVERY_S
        self._answered_at = time.monotonic()
        self._ends = threading.Event()
        self._looked, self._told, self._given_up = threading.Event(), False, False
        self.problem: str | None = None

    def __enter__(self) -> Tracker:
        self._thread.start()
        if is_server(self._config.tracking.uri or "") and not self._looked.wait(FIRST_S):
            self._tell(f"no answer for {FIRST_S:.0f} s")
        return self

    def __exit__(self, *_: object) -> None:
        self.close("KILLED")

    def started(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.started`."""
        self._inbox.put((trial, state))

    def finished(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.finished`."""
        self._inbox.put((trial, state))

    def close(self, status: Status) -> None:
        """Bring MLflow up to date and end the parent run with `status`; a second call does nothing.

        A server that does not answer is given up.
        """
        if not self._thread.is_alive() or self._given_up:
            return
        self._inbox.put(status)
        self._ends.set()
        since = time.monotonic()
        while self._thread.is_alive():
            self._thread.join(timeout=1)
            if time.monotonic() - max(since, self._answered_at) > SILENCE_S:
                self._given_up = True
                self.problem = self.problem or f"no answer for {SILENCE_S:.0f} s"
                return

    def _work(self) -> None:
        ending: Status | None = None
        self._project(None)
        while ending is None:
            events = [self._inbox.get()]
            self._ends.wait(GATHER_S)
            with contextlib.suppress(queue.Empty):
                while True:
                    events.append(self._inbox.get_nowait())
            for event in events:
                if isinstance(event, str):
                    ending = event
                else:
                    trial, self._standing = event
                    self._history.add(*event)
                    self._trials[trial.number] = trial
                    self._behind.add(trial.number)
            self._project(ending)

    def _project(self, ending: Status | None) -> None:
        for pause_s in (0, 1, 2) if ending else (0,):
            time.sleep(pause_s)
            try:
                self._try_project(ending)
                self.problem = None
                return
            except Exception as error:  # whatever is wrong with the server is no reason to stop the sweep
                self.problem = brief(error)
                self._tell(self.problem)
                self._projection = None  # what was asked for may have been done: look before it is asked for again
                LOG.debug("MLflow is behind", exc_info=True)
            finally:
                self._looked.set()

    def _try_project(self, ending: Status | None) -> None:
        if self._projection is None:
            client = _Listening(connect(self._config, self._workspace), self._answered)
            self._projection = Projection.open(
                cast(MlflowClient, client), self._config, self._workspace, self._study_id, self._data
            )
            self._behind = set(self._trials)
        for number in sorted(self._behind):
            self._projection.put_trial(self._trials[number])
            self._projection.put_analyses(self._trials[number], self._workspace)
            self._behind.discard(number)
        self._projection.put_pareto(self._standing)
        self._projection.put_progress(self._history.snapshots)
        began = time.monotonic()
        if ending or began > self._overview_due:
            self._projection.put_overview(self._standing, self._by_number())
            self._overview_due = due(began, time.monotonic(), OVERVIEW_EVERY_S)
        began = time.monotonic()
        if ending or began > self._front_due:
            self._projection.put_front(self._standing, self._by_number(), last=ending is not None)
            self._front_due = due(began, time.monotonic(), FRONT_EVERY_S)
        if ending:
            try:
                if ending == "FINISHED" and self._task:
                    self._projection.put_models(self._standing, self._workspace, self._task)
            finally:
                self._projection.close(ending)

    def _by_number(self) -> list[Trial]:
        return [self._trials[number] for number in sorted(self._trials)]

    def _tell(self, problem: str) -> None:
        """Say once what is wrong while the sweep goes on."""
        if not self._told and not self._given_up:
            self._told = True
            where = shown(self._config.tracking.uri or self._workspace.tracking_uri)
            LOG.warning("MLflow at %s: %s; the sweep goes on and tries again after each trial", where, problem)

    def _answered(self) -> None:
        self._answered_at = time.monotonic()

    @cached_property
    def _task(self) -> Task | None:
        """The person's task, or None if it cannot be made here: whatever is wrong with it, trials tell."""
        try:
            return load_task(self._config.task.use, self._config.task.args)
        except Exception:
            LOG.debug("no data set input", exc_info=True)
            return None

    @cached_property
    def _data(self) -> DatasetInput | None:
        """The data set that the sweep's runs have as their input."""
        try:
            return dataset_input(self._config, self._task) if self._task else None
        except Exception:
            LOG.debug("no data set input", exc_info=True)
            return None


class _Listening:
    """A client that tells of each answer that it gets: while there are any, nobody has to give up."""

    def __init__(self, client: MlflowClient, answered: Callable[[], None]) -> None:
        self._client, self._answered = client, answered

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not callable(value):
            return value

        def ask(*args: Any, **options: Any) -> Any:
            answer = value(*args, **options)
            self._answered()
            return answer

        return ask


def due(began: float, ended: float, every_s: float) -> float:
    """Return when to do again what was done from `began` to `ended`, all in seconds."""
    return max(began + every_s, ended + (ended - began) * (1 / SHARE - 1))


def brief(error: Exception) -> str:
    """Return the beginning of what `error` says, in one line."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
