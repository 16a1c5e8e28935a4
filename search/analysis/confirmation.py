"""Confirmation that a front is more than luck: its members are made again from the beginning, with other seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from search.config.sweep_config import SweepConfig
from search.execution.attempts import Attempts
from search.execution.executor import Executor
from search.execution.ray_executor import RayExecutor
from search.execution.work import Evaluate
from search.study.front import pareto_front
from search.study.saved import Sweep, sweep_evaluator
from search.study.task_record import same_task
from search.study.trial import Result, Trial
from search.study.workspace import Workspace

OnProgress = Callable[[int, Trial], None]
"""Notified of each trial that has ended: the seed, and the trial with what came of it."""


@dataclass(frozen=True)
class Confirmation:
    """The same recipes under several seeds.

    Attributes:
        config: The sweep.
        trials: The trials as the sweep recorded them.
        repeats: For each seed the same trials with what came of them.
    """

    config: SweepConfig
    trials: tuple[Trial, ...]
    repeats: Mapping[int, tuple[Trial, ...]]

    def values(self, number: int, name: str) -> list[float]:
        """A metric of a trial under each seed with which it did not fail."""
        repeats = (trial for trials in self.repeats.values() for trial in trials if trial.number == number)
        return [trial.metrics[name] for trial in repeats if trial.state == "complete"]

    def mean(self, number: int, name: str) -> float | None:
        """The mean of a metric of a trial over the seeds, or None if it failed with each."""
        return mean(values) if (values := self.values(number, name)) else None

    def spread(self, number: int, name: str) -> float | None:
        """The standard deviation of a metric of a trial over the seeds (of a sample: n - 1), or None below two."""
        return stdev(values) if len(values := self.values(number, name)) > 1 else None

    def survived(self, number: int) -> int:
        """The number of seeds with which the trial is on the front of all trials that were repeated."""
        objectives, constraints = self.config.objectives, self.config.constraints
        return sum(number in pareto_front(trials, objectives, constraints) for trials in self.repeats.values())


def confirm(
    sweep: Sweep,
    workspace: Workspace,
    trials: Sequence[Trial],
    seeds: Sequence[int],
    *,
    executor: Executor | None = None,
    evaluate: Callable[[int], Evaluate] | None = None,
    on_progress: OnProgress = lambda seed, trial: None,
) -> Confirmation:
    """Make `trials` again with each of `seeds`, or go on where an earlier call stopped.

    The seed is in the key of every stage: nothing is shared between seeds, and within a seed what recipes have in
    common is made once. Results stay beside the study, which does not change.

    Args:
        sweep: Whose trials they are.
        workspace: Where state is kept.
        trials: What to make again.
        seeds: Seeds other than the sweep's own.
        executor: Who runs the trials; Ray Tune, when None.
        evaluate: Given a seed, what a worker does with a recipe; the pipeline, when None.
        on_progress: Notified of each trial that has ended, those of earlier calls too.

    Raises:
        InputError: the task has changed since the sweep was begun.
        SweepError: the sweep is at work in another process, or trials cannot be run at all.
    """
    folder = workspace.sweep(sweep.config.sweep)
    build = sweep_evaluator(sweep.config, workspace)
    if evaluate is None:
        build = same_task(build, folder)
    make: Callable[[int], Evaluate] = evaluate or (lambda seed: replace(build, seed=seed))
    repeats = {}
    with folder.lock():
        for seed in seeds:
            queue = RepeatQueue(trials, folder.confirm / str(seed), lambda trial, seed=seed: on_progress(seed, trial))  # type: ignore[misc]
            if not queue.exhausted:
                with closing(executor or RayExecutor(sweep.config.cluster, folder.ray)) as runner:
                    runner.run(queue, make(seed), queue.results)
            repeats[seed] = queue.finished
    return Confirmation(sweep.config, tuple(trials), repeats)


class RepeatQueue:
    """Gives out trials of which no result is written down yet; see `search.execution.executor.TrialQueue`.

    Args:
        trials: What to repeat.
        results: Where workers write what came of them; it stays there.
        on_progress: Notified of each trial that has ended.
    """

    def __init__(self, trials: Sequence[Trial], results: Path, on_progress: Callable[[Trial], None]) -> None:
        self.results, self._on_progress = results, on_progress
        self._trials = {trial.number: replace(trial, result=None) for trial in trials}
        self._done: dict[int, Trial] = {}
        self._attempts = Attempts()
        for trial in self._trials.values():
            if written := Result.read(results, trial.number):
                self._end(written)
            else:
                self._attempts.waiting.append(trial)

    def next(self) -> Trial | None:
        """See `TrialQueue.next`."""
        if not self._attempts.waiting:
            return None
        trial = replace(self._attempts.waiting.popleft(), started=time.time())
        self._attempts.begin(trial)
        return trial

    def fidelities(self, trial: Trial) -> tuple[float, ...]:
        """See `TrialQueue.fidelities`: what is repeated is repeated to its end."""
        return (1.0,)

    def stages_s(self, trial: Trial) -> Mapping[str, float]:
        """See `TrialQueue.stages_s`: what was done before is known to end."""
        return {}

    def judge(self, trial: Trial, result: Result) -> str:
        """See `TrialQueue.judge`."""
        return ""

    def built(self, result: Result) -> None:
        """See `TrialQueue.built`: nothing follows from it here."""

    def finish(self, result: Result) -> None:
        """See `TrialQueue.finish`."""
        self._attempts.end(result.number)
        self._end(result)

    def retry(self, trial: Trial, reason: str, now: float) -> None:
        """See `TrialQueue.retry`."""
        if failed := self._attempts.retry(trial, reason, now):
            failed.write(self.results)
            self.finish(failed)

    def requeue(self, trial: Trial) -> None:
        """See `TrialQueue.requeue`."""
        self._attempts.requeue(trial)

    @property
    def out(self) -> tuple[Trial, ...]:
        """See `TrialQueue.out`."""
        return self._attempts.out

    @property
    def blocked(self) -> bool:
        """See `TrialQueue.blocked`: the same recipe with several seeds shares nothing that would have to be awaited."""
        return False

    @property
    def exhausted(self) -> bool:
        """See `TrialQueue.exhausted`."""
        return not self._attempts.out and not self._attempts.waiting

    @property
    def finished(self) -> tuple[Trial, ...]:
        """The trials that have ended, in the order in which they were asked for."""
        return tuple(self._done[number] for number in self._trials if number in self._done)

    def _end(self, result: Result) -> None:
        self._done[result.number] = self._trials[result.number].finish(result)
        self._on_progress(self._done[result.number])
