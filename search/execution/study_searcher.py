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
from search.execution.last_words import SILENT, how_it_ended, words_file
from search.execution.ray_error import error_of, error_words, first_line, is_memory_kill
from search.execution.ray_watch import dead_process
from search.study.trial import Result, Trial

LOG = logging.getLogger(__name__)

RUNG, ENDS = "rung", "ends the sweep"
"""Under these names a worker tells what it has found, or why nothing more is to be found."""

ALONE = "to see more, run its recipe in one process: paredown trial CONFIG RECIPE"

LESS = "use a smaller batch, or set cluster.max_concurrent_trials so that fewer trials run at once"


class StudySearcher(Searcher):  # type: ignore[misc]
    """Ray Tune's view of a `TrialQueue`. Nothing is kept here: results are read from what workers wrote down.

    Args:
        queue: Gives trials and takes results.
        results: Where workers write.

    Attributes:
        given: How many trials were given out.
        ended_by: What a worker said that cannot go on; then no more are.
        ray_kills: Whether Ray has killed workers for want of memory.
    """

    def __init__(self, queue: TrialQueue, results: Path) -> None:
        super().__init__(metric="number", mode="min")
        self._queue, self._results = queue, results
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
        trial = self._queue.next()
        if trial is None:  # with None, Ray Tune asks again about ten times a second as long as trials run
            return None if self._queue.blocked else str(Searcher.FINISHED)
        self._by_tune_id[trial_id] = trial
        self.given += 1
        return {"trial": trial, "fidelities": self._queue.fidelities(trial)}

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
        if (trial := self._by_tune_id.get(trial_id)) and (words := error_words(error)):
            self._errors[trial.number] = words

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A worker has returned, or died. Where it could not go on, its trial is left for another time."""
        trial = self._by_tune_id.pop(trial_id, None)
        if trial and result and ENDS in result:
            self._queue.requeue(trial)
            self.ended_by = result[ENDS]  # raised here, Tune would take it for the trial's failure
        elif trial:
            self.settle(trial)
        interruption.check()

    def settle(self, trial: Trial) -> None:
        """Take the result that the worker of `trial` wrote down; without one, it died."""
        written = Result.read(self._results, trial.number)
        if written:
            self._queue.finish(written)
        elif dead_process():
            self._queue.requeue(trial)
        else:
            self._queue.retry(trial, self._why(trial), time.time())

    def _why(self, trial: Trial) -> str:
        """Return why there is no result of `trial`, as far as somebody knows."""
        words, error = how_it_ended(words_file(self._results, trial.number)), self._errors.pop(trial.number, "")
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
