"""The state of a sweep: what the progress display, the status command and MLflow show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from search.config.sweep_config import SweepConfig
from search.study.front import ParetoFront, pareto_front
from search.study.outcome import Complete, Failed, Stopped
from search.study.trial import Trial
from spaces import counted


@dataclass(frozen=True)
class SweepState:
    """A sweep at one moment.

    Attributes:
        front: The Pareto front so far.
        baseline: The uncompressed teacher, once it is complete.
        hypervolume: See `ParetoFront.hypervolume`.
        running: Trials given out and not finished.
        complete: Trials that were measured.
        failed: Trials that failed.
        stopped: Trials that were stopped early.
    """

    front: ParetoFront
    baseline: Trial | None
    hypervolume: float
    running: int
    complete: int
    failed: int
    stopped: int = 0

    @property
    def finished(self) -> int:
        """Trials that have ended, one way or the other."""
        return self.complete + self.failed + self.stopped

    @classmethod
    def of(cls, trials: Iterable[Trial], config: SweepConfig) -> SweepState:
        """The state after `trials`."""
        trials = list(trials)
        front = pareto_front(trials, config.objectives, config.constraints)
        baseline = next((trial for trial in trials if trial.number == 0 and trial.state == "complete"), None)
        states = [trial.state for trial in trials]
        return cls(
            front,
            baseline,
            front.hypervolume(baseline),
            states.count("running"),
            states.count("complete"),
            states.count("failed"),
            states.count("stopped"),
        )

    def with_started(self) -> SweepState:
        """The state after one more trial was given out."""
        return replace(self, running=self.running + 1)

    def with_finished(self, trial: Trial, config: SweepConfig) -> SweepState:
        """The state after the running `trial` has ended; costs time in proportion to the front only."""
        running = self.running - 1
        match trial.outcome:
            case Failed():
                return replace(self, running=running, failed=self.failed + 1)
            case Stopped():
                return replace(self, running=running, stopped=self.stopped + 1)
            case Complete():
                front = self.front.joined(trial, config.constraints)
                baseline = trial if trial.number == 0 else self.baseline
                changed = front is not self.front or baseline is not self.baseline
                hypervolume = front.hypervolume(baseline) if changed else self.hypervolume
                return SweepState(front, baseline, hypervolume, running, self.complete + 1, self.failed, self.stopped)
            case None:
                raise ValueError(f"trial {trial.number} is running")
            case unknown:
                assert_never(unknown)


def ended(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that have ended, in the order in which they did."""
    return sorted((trial for trial in trials if trial.result), key=lambda trial: trial.result.finished)  # type: ignore[union-attr]


def states(trials: Iterable[Trial], config: SweepConfig) -> Iterator[SweepState]:
    """The state after each finished trial, in the order in which they ended."""
    state = SweepState.of((), config)
    for trial in ended(trials):
        state = state.with_started().with_finished(trial, config)
        yield state


def progress_text(state: SweepState, planned: int | None, budget: str = "") -> str:
    """The progress of the sweep in one line, which MLflow and the live display say alike.

    Args:
        state: Where it stands.
        planned: How many trials there are to be; None if no number was asked for.
        budget: How much of the budget is used, in words; see `search.suggest.budget_tracker.BudgetTracker.progress`.
    """
    trials = counted(planned or state.finished, "trial")
    parts = [f"{state.finished} of {trials} finished" if planned else f"{trials} finished"]
    parts += [budget] if budget else []
    parts += [f"{state.stopped} stopped early"] if state.stopped else []
    parts += [f"{state.failed} failed"] if state.failed else []
    parts += [f"{state.running} running"] if state.running else []
    return " · ".join([*parts, f"hypervolume {state.hypervolume:.4f}"])
