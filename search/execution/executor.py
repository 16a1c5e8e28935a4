"""Who runs the trials: the small interface, and the executor that runs them in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from search.execution.rung_runner import Climb
from search.study.trial import Evaluate, Result, Trial
from search.suggest.queue import Source


class Executor(Protocol):
    """Takes trials from a source until it has no more."""

    def run(self, source: Source, evaluate: Evaluate, results: Path) -> None:
        """Run every trial that `source` gives.

        Args:
            source: Gives trials and takes results.
            evaluate: What a worker does with a recipe.
            results: The folder in which a worker writes each result down before it returns it.

        Raises:
            SweepError: trials cannot be run at all.
        """


class InlineExecutor:
    """Runs trials one after the other in this process: for tests and for debugging."""

    def run(self, source: Source, evaluate: Evaluate, results: Path) -> None:
        """See `Executor.run`."""
        while trial := source.next():
            result = self._climb(trial, source, evaluate)
            result.write(results)
            source.finish(result)

    def _climb(self, trial: Trial, source: Source, evaluate: Evaluate) -> Result:
        climb = Climb(trial, source.ladder(trial), evaluate)
        while True:
            result = climb.step()
            if climb.is_done:
                return result
            if why := source.judge(trial, result):
                return result.stop(why)
