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
from search.execution.last_words import SILENT, how_it_ended, words_file
from search.execution.ray_error import error_of, error_words, first_line, is_memory_kill, start_words
from search.execution.ray_watch import dead_process
from search.execution.whereabouts import Whereabouts
from search.study.trial import Result, Trial, forget_built

LOG = logging.getLogger(__name__)

RUNG, ENDS = "rung", "ends the sweep"
"""Under these names a worker tells what it has found, or why nothing more is to be found."""

IDLE_S = 0.1
"""How long a measurement is waited for where no trial is built: then Ray Tune asks without end."""

LOST = "its file was built twice, and twice it was gone from the store before it was measured; raise store.limit_gb"

ALONE = "to see more, run its recipe in one process: paredown trial CONFIG RECIPE"

LESS = "use a smaller batch, or set cluster.max_concurrent_trials so that fewer trials run at once"


class StudySearcher(Searcher):  # type: ignore[misc]
    """Ray Tune's view of a `TrialQueue`. Nothing is kept here: results are read from what workers wrote down.

    Args:
        queue: Gives trials and takes results.
        results: Where workers write.
        lane: Measures what workers have built; None if they measure it themselves.
        whereabouts: Knows on which node a trial is; None if all are on this machine.

    Attributes:
        given: How many trials were given out.
        ended_by: What a worker said that cannot go on; then no more are.
        ray_kills: Whether Ray has killed workers for want of memory.
    """

    def __init__(
        self, queue: TrialQueue, results: Path, lane: Lane | None = None, whereabouts: Whereabouts | None = None
    ) -> None:
        super().__init__(metric="number", mode="min")
        self._queue, self._results, self._lane, self._whereabouts = queue, results, lane, whereabouts
        self._by_tune_id: dict[str, Trial] = {}
        self._errors: dict[int, str] = {}
        self._kernel = MemoryKills()
        self.ray_kills = False
        self.given = 0
        self.ended_by = ""

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial as a Tune configuration, or that there is none."""
        interruption.check()
        if self.ended_by:
            return str(Searcher.FINISHED)
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
                return {"trial": trial, "fidelities": self._queue.fidelities(trial)}
        return None

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
        if (trial := self._by_tune_id.get(trial_id)) and (words := error_words(error)):
            self._errors[trial.number] = words

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A worker has returned, or died. Where it could not go on, its trial is left for another time."""
        trial = self._by_tune_id.pop(trial_id, None)
        if trial and result and ENDS in result:
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
            self._queue.finish(written)
        elif dead_process() or (self._lane is not None and self._unmeasured(trial)):
            self._queue.requeue(trial)
        else:
            self._queue.retry(trial, self._why(trial), time.time())

    def _why(self, trial: Trial) -> str:
        """Return why there is no result of `trial`, as far as somebody knows."""
        words, error = how_it_ended(words_file(self._results, trial.number)), self._errors.pop(trial.number, "")
        if self._whereabouts and not words:
            words, lost = self._whereabouts.how_it_ended(trial.number)
            if lost:
                return f"the worker was lost twice over this trial; the last time {lost}"
        if error and not words:
            return f"the worker failed twice over this trial: {error}; {ALONE}"
        began = "the worker died twice over this trial"
        if (not words or words.startswith(SILENT)) and (self.ray_kills or self._kernel.any):
            return f"{began}: {'Ray' if self.ray_kills else 'the kernel'} kills processes for want of memory; {LESS}"
        return f"{began}: {words or SILENT}; {ALONE}"

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
