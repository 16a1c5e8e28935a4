"""The queue of a running sweep: what executors take trials from and give results to."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from pipelines import Task
from search.execution.attempts import Attempts
from search.stopping.stopping import WHOLE, Stopping
from search.study.outcome import Complete
from search.study.proposal import BASELINE, Proposal
from search.study.rung import Rung
from search.study.state import SweepState, ended, states
from search.study.study import Study
from search.study.trial import Result, Trial
from search.suggest.budget_tracker import BudgetTracker
from search.suggest.costs import Costs
from search.suggest.first_batch import BRANCHES, TRUNKS, FirstBatch
from search.suggest.in_flight import InFlight
from search.suggest.patience import Patience
from search.suggest.stage_limits import UNLIMITED, StageLimits
from search.suggest.suffix_variants import SuffixVariants
from search.suggest.suggester import Suggester
from search.suggest.suggestion_buffer import SuggestionBuffer
from search.suggest.warm_start import WarmStart
from spaces import Recipe

AHEAD = 4
"""How many suggestions may wait for each trial that runs at once, if the sweep does not say."""


class Observer(Protocol):
    """Watches a sweep. Its methods are called by the driver and must return at once and never raise."""

    def started(self, trial: Trial, state: SweepState) -> None:
        """`trial` was given out."""

    def finished(self, trial: Trial, state: SweepState) -> None:
        """`trial` has ended."""


class StudyQueue:
    """Gives out trials until as many have finished as were asked for, or the budget is used up.

    Trials that an earlier driver left unfinished come first, with the parameters that they had. Then come, with a warm
    start, those that earlier sweeps had on their fronts (`search.suggest.warm_start`); then suffix variants
    (`search.suggest.suffix_variants`) as far as they promise more than the sampler, a first batch
    (`search.suggest.first_batch`), and what the sampler suggests, in the order of `search.suggest.suggestion_buffer`.
    Whoever proposed it, no trial is given out that needs a missing stage which a trial that is out will compute
    (`search.suggest.in_flight`).

    Args:
        study: Where trials come from and results go.
        observers: Notified of everything.
        in_flight: What recipes share. Without it trials come in the order in which the sampler suggests them.
        task: The person's task, if trials are of one.
        warm_starts: What earlier sweeps have found.
        stage_limits: How long stages may take.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        study: Study,
        observers: Sequence[Observer] = (),
        in_flight: InFlight | None = None,
        task: Task | None = None,
        warm_starts: Sequence[WarmStart] = (),
        stage_limits: StageLimits = UNLIMITED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._budget_tracker = BudgetTracker(study.config, study.trials, clock)
        past = list(states(study.trials, study.config))
        self._patience = Patience(study.config, past)
        self._study = study
        self._observers: tuple[Observer, ...] = (self._budget_tracker, self._patience, *observers)
        self._stopping = Stopping(study.config, task)
        self._attempts = Attempts(trial for trial in study.trials if trial.state == "running")
        self._slots = 1
        self.blocked = False
        search = study.config.search
        self._length = search.lookahead if in_flight else 1
        self._stage_limits = stage_limits
        self._in_flight = in_flight or InFlight(lambda recipe: (), lambda key: True, Costs())
        self._suggester = Suggester(
            search.sampler, study.config.space, study.config.objectives, study.config.constraints, search.seed
        )
        self._suggester.resume(study.trials)
        self._warm_starts = list(warm_starts)
        self._first = deque(proposal for each in warm_starts for proposal in each.proposals)
        self._learn_warm_starts()
        self._suggested = SuggestionBuffer(self._suggest, self._in_flight)
        self._suffix_variants: SuffixVariants | None = None
        if in_flight and search.suffix_variants:
            self._suffix_variants = SuffixVariants(study.config, in_flight, self._suggester.tried)
        self._batch: FirstBatch | None = None
        # A sweep that is far on was begun without one, and knows where to go.
        if in_flight and search.first_batch and len(study.trials) <= 2 * TRUNKS * BRANCHES:
            tried = self._suggester.tried
            self._batch = FirstBatch(study.config.space, search.seed, search.trials, in_flight, tried)
        if in_flight:
            self._recall(past)

    def next(self) -> Trial | None:
        """The next trial to run, or None if there is none now; `blocked` says whether there may be one later."""
        more, waiting = self._wants_more(), self._attempts.waiting
        trial = next((trial for trial in waiting if self._in_flight.free(trial.recipe)), None)
        if trial:
            waiting.remove(trial)
            self.blocked = False
        else:
            proposal = self._propose() if more else None
            # While the teacher is computed, more may begin later than now: recipes of an earlier front, and variants.
            teacher_is_ready = self._in_flight.free(Recipe())
            pending = bool(waiting or (more and (not teacher_is_ready or len(self._suggested))))
            self.blocked = proposal is None and pending
            if proposal is None:
                return None
            self._suggester.count(proposal.recipe)
            trial = self._study.begin(proposal)
            if self._suffix_variants:
                self._suffix_variants.begun(proposal.by)
        self._attempts.begin(trial)
        self._slots = max(self._slots, len(self.out))
        self._in_flight.claim(trial)
        for observer in self._observers:
            observer.started(trial, self._study.state)
        return trial

    def _propose(self) -> Proposal | None:
        """The proposal to begin next; None if all is blocked or the space is used up."""
        if not self._study.trials:
            return BASELINE
        if known := self._from_earlier_front():
            return known
        variant = self._suffix_variants.propose(self._study.state) if self._suffix_variants else None
        first = self._batch.propose() if self._batch and not variant else None
        proposal = variant or first or self._suggested.pop(self._length or AHEAD * self._slots)
        if proposal is None and self._suffix_variants:
            return self._suffix_variants.propose(self._study.state, idle=True)
        return proposal

    def _from_earlier_front(self) -> Proposal | None:
        """The next recipe of an earlier sweep's front that is not blocked; None if there is none."""
        if not self._first:
            return None
        begun = {trial.recipe.digest for trial in self._study.trials}
        self._first = deque(proposal for proposal in self._first if proposal.recipe.digest not in begun)
        found = next((proposal for proposal in self._first if self._in_flight.free(proposal.recipe)), None)
        if found:
            self._first.remove(found)
        return found

    def _learn_warm_starts(self) -> None:
        """Let the sampler learn what earlier sweeps found, as soon as that can be compared with what is found here."""
        baseline = self._study.state.baseline
        for each in [each for each in self._warm_starts if each.as_they_are or baseline]:
            self._warm_starts.remove(each)
            if each.as_they_are:
                self._suggester.know(each.trials)
            elif baseline:
                self._suggester.suppose(each.lessons(baseline, self._study.config.objectives))

    def _suggest(self) -> Proposal | None:
        """The sampler's next suggestion; None if the space is used up. It counts as tried, and is recorded nowhere."""
        params = self._suggester.suggest()
        return None if params is None else Proposal(self._study.config.space.recipe(params), params, "sampler")

    def _recall(self, past: Sequence[SweepState]) -> None:
        """Learn from the trials that ended under earlier drivers, after each of which the sweep stood as in `past`."""
        before, trials = 0.0, self._study.trials
        for trial, state in zip(ended(trials), past, strict=True):
            self._learn(trial, state.hypervolume - before)
            before = state.hypervolume
        for trial in trials:
            if self._suffix_variants:
                self._suffix_variants.begun(trial.proposed)

    def _learn(self, trial: Trial, gain: float) -> None:
        self._in_flight.costs.learn(trial)
        if self._suffix_variants:
            self._suffix_variants.learn(trial, gain)

    def fidelities(self, trial: Trial) -> tuple[float, ...]:
        """The shares of its trainings after which `trial` is measured, growing; the last is 1."""
        if not self._in_flight.trains(trial.recipe):
            return (WHOLE,)
        return self._stopping.fidelities(trial, self._study.state.front)

    def stages_s(self, trial: Trial) -> Mapping[str, float]:
        """The seconds that stages of `trial` may take, by name; others are not bounded."""
        return self._stage_limits.seconds(self._in_flight.costs)

    def judge(self, trial: Trial, result: Result) -> str:
        """Take what a worker has found at a rung below the top: why `trial` ends there, empty if it goes on."""
        if not isinstance(result.outcome, Complete):  # what an unfinished network cannot do, a finished one may
            return ""
        reached = self._study.reach(trial.number, Rung(result.fidelity, result.outcome.measurement))
        return self._stopping.judge(reached, self._study.trials, self._study.state.front)

    def built(self, result: Result) -> None:
        """Take note of a file that is measured elsewhere, while its worker goes on to another trial."""
        self._in_flight.release(self._attempts.trial(result.number))
        self._budget_tracker.built(result)

    def finish(self, result: Result) -> None:
        """Take a result from a worker."""
        self._in_flight.release(self._attempts.end(result.number))
        before = self._study.state.hypervolume
        trial = self._study.tell(result)
        self._suggester.learn(trial)
        self._learn_warm_starts()
        self._learn(trial, self._study.state.hypervolume - before)
        for observer in self._observers:
            observer.finished(trial, self._study.state)

    def retry(self, trial: Trial, reason: str, now: float) -> None:
        """A worker died over `trial`: it will be given out once more, then it has failed with `reason`."""
        if failed := self._attempts.retry(trial, reason, now):
            self.finish(failed)
        else:
            self._in_flight.release(trial)

    def requeue(self, trial: Trial) -> None:
        """`trial` was not worked on, through no fault of its own: it will be given out as if it never had been."""
        self._attempts.requeue(trial)
        self._in_flight.release(trial)

    @property
    def out(self) -> tuple[Trial, ...]:
        """The trials that were given out and have not come back."""
        return self._attempts.out

    @property
    def exhausted(self) -> bool:
        """True if everything that was asked for has finished, or nothing is left to try."""
        return not self.out and not self._attempts.waiting and not self._wants_more()

    def _wants_more(self) -> bool:
        """Return True if one more trial is asked for: there are fewer than planned, and time and patience are left."""
        planned = self._study.config.search.trials
        if planned is not None and len(self._study.trials) >= planned:
            return False
        return not self._budget_tracker.is_used_up and not self._patience.is_exhausted
