"""Ray Tune's view of a sweep: what it asks for the next trial, and whether one goes on."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from pipelines.memory_kills import MemoryKills
from search.execution import interruption
from search.execution.executor import TrialQueue
from search.execution.lane import Lane
from search.execution.last_words import left_by, words_file
from search.execution.nodes import NodeWatch
from search.execution.ray_error import (
    error_of,
    error_words,
    first_line,
    is_memory_kill,
    is_preempted,
    is_unreached,
    start_words,
)
from search.execution.ray_watch import dead_process
from search.execution.refused_nodes import RefusedNodes
from search.execution.remote_words import RemoteWords
from search.execution.trial_limits import UNLIMITED, TrialLimits
from search.execution.whereabouts import forget_whereabouts
from search.execution.worker_death import WorkerDeath, worker_death
from search.study.outcome import Failed
from search.study.trial import Result, Trial, forget_built

LOG = logging.getLogger(__name__)

RUNG, ENDS, CROWDED, REFUSED = "rung", "ends the sweep", "out of GPU memory", "cannot work here"
"""Under these names a worker tells what it has found, why nothing more is to be found, that others on its GPU left it
too little memory, or that its node, of which it tells the id, cannot work on the sweep."""

IDLE_S = 0.1
"""How long a measurement is waited for where no trial is built: then Ray Tune asks without end."""

LOST = "its file was built twice, and twice it was gone from the store before it was measured; raise store.limit_gb"

HOLD_S = 600.0
"""For so long no other trial begins while one waits for a GPU to itself."""


class StudySearcher(Searcher):  # type: ignore[misc]
    """Ray Tune's view of a `TrialQueue`. Nothing is kept here: results are read from what workers wrote down.

    Args:
        queue: Gives trials and takes results.
        results: Where workers write.
        lane: Measures what workers have built; None if they measure it themselves.
        limits: Those of each trial.
        shares_gpu: Whether trials share GPUs.
        nodes: Knows what becomes of nodes.
        remote_words: Knows the last words of workers that do not see `results`; None if all do.
        alone: The trials that are to have a GPU to themselves: this, too, is kept by others.
        refused: The nodes that get no trials, likewise; None if there is but this machine.

    Attributes:
        given: How many trials were given out.
        ended_by: What a worker said that cannot go on; then no more are.
        ray_kills: Whether Ray has killed workers for want of memory.
    """

    def __init__(
        self,
        queue: TrialQueue,
        results: Path,
        lane: Lane | None = None,
        limits: TrialLimits = UNLIMITED,
        *,
        shares_gpu: bool = False,
        nodes: NodeWatch | None = None,
        remote_words: RemoteWords | None = None,
        alone: set[int] | None = None,
        refused: RefusedNodes | None = None,
    ) -> None:
        super().__init__(metric="number", mode="min")
        self._queue, self._results, self._lane = queue, results, lane
        self._nodes, self._remote_words = nodes, remote_words
        self._limits, self._shares_gpu = limits, shares_gpu
        self._alone = set() if alone is None else alone
        self._refused = refused
        self._held: tuple[str, float] | None = None
        self._by_tune_id: dict[str, Trial] = {}
        self._errors: dict[int, BaseException] = {}
        self._kernel = MemoryKills()
        self.ray_kills = False
        self.given = 0
        self.ended_by = ""

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial as a Tune configuration, or that there is none."""
        interruption.check()
        if self.ended_by:
            return str(Searcher.FINISHED)
        if self._is_held():
            return None
        self.take_measured(0.0 if self._by_tune_id else IDLE_S)
        while self._lane is None or not self._lane.is_full:
            trial = self._queue.next()
            if trial is None:
                # With None, Ray Tune asks again about ten times a second as long as trials run.
                awaited = self._queue.blocked or (self._lane is not None and len(self._lane))
                return None if awaited else str(Searcher.FINISHED)
            self.given += 1
            if not self._leave_to_lane(trial):  # else it was built before the sweep was interrupted
                self._by_tune_id[trial_id] = trial
                if trial.number in self._alone:
                    self._held = trial_id, time.monotonic()
                return {
                    "trial": trial,
                    "fidelities": self._queue.fidelities(trial),
                    "stages_s": self._queue.stages_s(trial),
                    "shares_gpu": self._shares_gpu and trial.number not in self._alone,
                    "refused": self._refused.ids if self._refused else (),
                }
        return None

    def started(self, trial_id: str) -> None:
        """Take note that a trial has its worker."""
        if self._held and self._held[0] == trial_id:
            self._held = None

    def _is_held(self) -> bool:
        """Return True if no trial may begin, since one waits for a GPU to itself, which is never if others get it."""
        if self._held and time.monotonic() - self._held[1] > HOLD_S:
            trial = self._by_tune_id[self._held[0]]
            LOG.warning("trial %d still waits for a GPU to itself; other trials begin meanwhile", trial.number)
            self._held = None
        return self._held is not None

    def take_measured(self, timeout_s: float = 0.0) -> None:
        """Take what was measured elsewhere, after waiting for something no longer than `timeout_s`."""
        if self._lane is None or not len(self._lane):
            return
        out = {trial.number: trial for trial in self._queue.out}
        for built, result in self._lane.collect(timeout_s):
            if result:
                result.write(self._results)
                if not result.unmeasured:
                    self._queue.finish(result)
            else:
                forget_built(self._results, built.number)
                self._queue.retry(out[built.number], LOST, time.time())

    def _leave_to_lane(self, trial: Trial) -> bool:
        """Have the file of `trial` measured, if its worker has left it to be measured elsewhere."""
        built = self._unmeasured(trial)
        if built is None or self._lane is None:
            return False
        self._queue.built(built)
        self._lane.add(built)
        return True

    def _unmeasured(self, trial: Trial) -> Result | None:
        return None if Result.read(self._results, trial.number) else Result.read_built(self._results, trial.number)

    def ends(self, trial_id: str, result: Result) -> bool:
        """Return True if a trial ends with what its worker has found below the top; then its result is written down."""
        trial = self._by_tune_id[trial_id]
        why = self._queue.judge(trial, result)
        if why:
            result.stop(why).write(self._results)
        return bool(why)

    def note_error(self, trial_id: str, error: BaseException | None) -> None:
        """Take what Ray says of a worker that did not return."""
        self.ray_kills = self.ray_kills or is_memory_kill(error)
        if words := start_words(error):
            self.ended_by = (
                self.ended_by or f"no worker can start: {words}; see that each node has it, then run the same command"
            )
        if error and (trial := self._by_tune_id.get(trial_id)):
            self._errors[trial.number] = error

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A worker has returned, or died. Where it could not go on, its trial is left for another time."""
        trial = self._by_tune_id.pop(trial_id, None)
        self.started(trial_id)
        if trial and result and CROWDED in result:
            LOG.warning("trial %d: %s; it is tried again with a GPU to itself", trial.number, result[CROWDED])
            self._alone.add(trial.number)
            self._queue.requeue(trial)
        elif trial and result and REFUSED in result and self._refused:
            self._queue.requeue(trial)
            self.ended_by = self.ended_by or self._refused.add(*result[REFUSED])
        elif trial and result and ENDS in result:
            self._queue.requeue(trial)
            self.ended_by = result[ENDS]  # raised here, Tune would take it for the trial's failure
        elif trial and error and self.ended_by:
            self._queue.requeue(trial)
        elif trial and not self._leave_to_lane(trial):
            self.settle(trial)
        interruption.check()

    def settle(self, trial: Trial) -> None:
        """Take the result that the worker of `trial` wrote down; without one, it died.

        What it left to be measured elsewhere is given out again, and not built again.
        """
        written = Result.read(self._results, trial.number)
        if written:
            self._end(written)
        elif dead_process() or (self._lane is not None and self._unmeasured(trial)):
            self._queue.requeue(trial)
        else:
            self._give_back(trial, self._death(trial))

    def _give_back(self, trial: Trial, death: WorkerDeath) -> None:
        """Do with `trial` what the death of its worker asks for."""
        if death.again == "free":
            LOG.warning("trial %d goes back to the queue: %s", trial.number, death.reason)
            self._queue.requeue(trial)
        elif death.again == "counted":
            self._queue.retry(trial, death.reason, time.time())
        else:
            self._end(Result(trial.number, trial.started, time.time(), Failed(death.reason)))

    def _end(self, result: Result) -> None:
        forget_whereabouts(result.number)
        self._queue.finish(result)

    def _death(self, trial: Trial) -> WorkerDeath:
        """Judge why there is no result of `trial`, as far as somebody knows."""
        file, error = words_file(self._results, trial.number), self._errors.pop(trial.number, None)
        words, is_late = left_by(file)
        if self._remote_words and not words:
            words, is_late = self._remote_words.left_by(trial.number)
        fate, node = self._nodes.fate(trial.number, wait=is_unreached(error)) if self._nodes else ("", "")
        return worker_death(
            words=words,
            error=error_words(error),
            fate="preempted" if is_preempted(error) else fate,
            node=node,
            late=self._limits.late if is_late else "",
            killer="Ray" if self.ray_kills else "the kernel" if self._kernel.any else "",
        )

    def __getstate__(self) -> dict[str, Any]:
        """Ray Tune pickles its searcher so that an experiment can be restored; this one is never restored."""
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> StudySearcher:
        return self

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the study is on the disk."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


class StudyScheduler(FIFOScheduler):  # type: ignore[misc]
    """Ray Tune's way to ask whether a trial goes on. Nothing is kept here, either.

    Args:
        searcher: Knows the trials by Tune's ids.
    """

    def __init__(self, searcher: StudySearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide what becomes of a trial that has reached a rung below the top."""
        try:
            ends = self._searcher.ends(trial.trial_id, result[RUNG])
        except Exception as error:  # in doubt a trial goes on: raised here, it would end the whole sweep
            LOG.warning("trial %s goes on: cannot tell whether to stop it: %s", result["number"], first_line(error))
            ends = False
        return str(TrialScheduler.STOP if ends else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A worker has not returned; the searcher is asked next."""
        self._searcher.note_error(trial.trial_id, error_of(trial))

    def __deepcopy__(self, memo: dict[int, Any]) -> StudyScheduler:
        return self
