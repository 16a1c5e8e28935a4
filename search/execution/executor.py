"""Executors of trials: the small interface, and the executor that runs them in this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from search.execution.rung_runner import RungRunner
from search.execution.work import Evaluate
from search.study.trial import Result, Trial


class TrialQueue(Protocol):
    """A queue that an executor takes trials from and gives results to."""

    def next(self) -> Trial | None:
        """The next trial to run, or None if there is none now; `blocked` says whether there may be one later."""

    def fidelities(self, trial: Trial) -> tuple[float, ...]:
        """The shares of its trainings after which `trial` is measured, growing; the last is 1."""

    def stages_s(self, trial: Trial) -> Mapping[str, float]:
        """The seconds that stages of `trial` may take, by name; others are not bounded."""

    def judge(self, trial: Trial, result: Result) -> str:
        """Take what a worker has found at a rung below the top: why `trial` ends there, empty if it goes on."""

    def built(self, result: Result) -> None:
        """Take note of a file that is measured elsewhere, while its worker goes on to another trial."""

    def finish(self, result: Result) -> None:
        """Take a result from a worker."""

    def retry(self, trial: Trial, reason: str, now: float) -> None:
        """A worker died over `trial`: it will be given out once more, then it has failed with `reason`."""

    def requeue(self, trial: Trial) -> None:
        """`trial` was not worked on, through no fault of its own: it will be given out as if it never had been."""

    @property
    def out(self) -> tuple[Trial, ...]:
        """The trials that were given out and have not come back."""

    @property
    def blocked(self) -> bool:
        """True if the last `next` gave nothing because all that is left needs what trials that are out will compute."""

    @property
    def exhausted(self) -> bool:
        """True if everything that was asked for has finished, or nothing is left to try."""


class Executor(Protocol):
    """Takes trials from a queue until it has no more."""

    def run(self, queue: TrialQueue, evaluate: Evaluate, results: Path) -> None:
        """Run every trial that `queue` gives.

        Args:
            queue: Gives trials and takes results.
            evaluate: What a worker does with a recipe.
            results: The folder in which a worker writes each result down before it returns it.

        Raises:
            SweepError: trials cannot be run at all.
        """

    def close(self) -> None:
        """Give back what trials were run with. Called last, when no thread of the sweep is at work any more."""


class InlineExecutor:
    """Runs trials one after the other in this process: for tests and for debugging."""

    def run(self, queue: TrialQueue, evaluate: Evaluate, results: Path) -> None:
        """See `Executor.run`."""
        while trial := queue.next():
            result = self._runner(trial, queue, evaluate)
            result.write(results)
            queue.finish(result)

    def close(self) -> None:
        """See `Executor.close`."""

    def _runner(self, trial: Trial, queue: TrialQueue, evaluate: Evaluate) -> Result:
        runner = RungRunner(trial, queue.fidelities(trial), evaluate)
        while True:
            result = runner.step()
            if runner.is_done:
                return result
            if why := queue.judge(trial, result):
                return result.stop(why)
