"""Suffix variants: cheap recipes that share every network stage with a complete trial and differ only after the export.

Recipes that share all work on networks differ in what is done to the exported file: the quantization scheme and its
parameters. Computing such a recipe costs a small part of what its networks took. `SuffixVariants` proposes them beside
the sampler, by these rules:

1. A candidate is a recipe of the space that was not tried, whose networks are those of a complete trial.
2. Its metrics are predicted: the level of its networks, known from their trials, and the effect of what comes after,
   learned from trials that differ in nothing else (`search.suggest.effects`): differences of maximised metrics, ratios
   of others. As long as an effect is little known, the prediction is better by one standard deviation: it is found out.
3. Its gain is what the predicted metrics would add to the hypervolume, times the share of trials with its scheme that
   did not fail; none if the prediction breaks a constraint. Variants that are out are taken for what was
   predicted.
4. Its price is the predicted time of what is missing, measuring included. The seconds are measured ones, so the choice
   is the same in two sweeps only as far as these are.
5. The candidate with the highest gain for its price is tried if that is more than the sampler's own trials brought of
   late, gain and seconds counted alike. It needs no more than any gain if a slot would have to wait otherwise.
6. Of the last `WINDOW` trials given out, suffix variants are `MOST` at most, so that the sampler goes on exploring.
7. Before all that, what the teacher's own file becomes by each scheme, with everything else at its default, is tried
   once: whatever is found later has to beat these, and they need no training. They are a share of `FIRST` of the trials
   at most, the cheapest first.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.config.objective import Constraint, Objective
from search.config.sweep_config import SweepConfig
from search.study.front import dominated_share, losses, nondominated
from search.study.proposal import Proposal
from search.study.proposer import Proposer
from search.study.state import SweepState
from search.study.trial import Trial
from search.suggest.effects import Effects
from search.suggest.in_flight import InFlight
from search.suggest.suffixes import Prefix, choices, feature_names, join, plainest, prefix_of, suffixes
from spaces import NONE, Recipe, Value

WINDOW, MOST = 8, 4
"""Suffix variants are at most `MOST` of the last `WINDOW` trials."""

WARM_UP = 4
"""So many of the sampler's own trials have to end before suffix variants are compared with them."""

MEMORY = 10
"""The sampler's trials are remembered for about so many of its further ones."""

FIRST = 0.25
"""The teacher's plain variants are at most this share of the trials that are planned."""

PER_PREFIX = 64
"""The most suffixes that are considered for one prefix: all, in most spaces; else a random selection."""

KEPT = 500
"""So many candidates are compared at most, those of the networks that were computed last: it bounds the time."""

OPTIMISM = 1.0
"""By how many standard deviations of what is not known a prediction is better."""

PRIOR = {"maximize": 0.03, "minimize": 0.4}
"""By how much going on differently changes a metric, before anything is known: a difference, or a logarithm."""

NOISE = 0.25
"""The noise that is assumed first, as a share of that."""


@dataclass(frozen=True)
class _Candidate:
    """A variant that may be proposed, the networks that it goes on from, and its features."""

    proposal: Proposal
    prefix: Prefix
    features: np.ndarray


class SuffixVariants:
    """Proposes cheap continuations of what was computed; the rules stand above.

    Args:
        config: What is searched.
        in_flight: What recipes miss and what that takes.
        tried: Whether a recipe was tried already, or is about to be.
    """

    def __init__(self, config: SweepConfig, in_flight: InFlight, tried: Callable[[Recipe], bool]) -> None:
        self._space, self._seed = config.space, config.search.seed
        self._objectives, self._constraints = config.objectives, config.constraints
        self._in_flight, self._tried = in_flight, tried
        self._metrics = _metrics(config.objectives, config.constraints)
        self._suffixes = suffixes(config.space)
        self._switches = [step.switch.name for step in config.space.steps if step.gives == "file"]
        self._features = feature_names(self._suffixes, self._switches)
        prior = np.array([PRIOR[direction] for direction in self._metrics.values()])
        self._effects = Effects(len(self._features), prior, NOISE * prior)
        self._prefixes: set[Prefix] = set()
        self._candidates: dict[str, _Candidate] = {}
        self._out: dict[str, np.ndarray] = {}
        self._ended: dict[tuple[Value, ...], tuple[int, int]] = {}
        self._recent: deque[Proposer] = deque(maxlen=WINDOW)
        planned = config.search.trials
        self._most_first = None if planned is None else int(FIRST * planned)
        self._first: list[_Candidate] = []
        self._gain = self._seconds = 0.0
        self._warm = 0
        self._ranked: list[tuple[float, float, str]] | None = None

    def begun(self, by: Proposer) -> None:
        """A trial was given out that was proposed `by` one or the other."""
        self._recent.append(by)

    def learn(self, trial: Trial, gain: float) -> None:
        """`trial` has ended, and the hypervolume has grown by `gain`."""
        self._ranked = None
        self._out.pop(trial.recipe.digest, None)
        self._candidates.pop(trial.recipe.digest, None)
        scheme = self._scheme(trial.params)
        good, bad = self._ended.get(scheme, (0, 0))
        self._ended[scheme] = (good + (trial.state == "complete"), bad + (trial.state == "failed"))
        if trial.proposed in ("sampler", "first") and trial.result:
            self._warm += 1
            self._gain = self._gain * (1 - 1 / MEMORY) + gain
            self._seconds = self._seconds * (1 - 1 / MEMORY) + trial.result.worked_s
        if trial.state != "complete" or not self._metrics.keys() <= trial.metrics.keys():
            return
        prefix = prefix_of(trial.recipe)
        self._effects.add(prefix, self._encode(trial.params), self._values(trial.metrics))
        if prefix not in self._prefixes:
            self._prefixes.add(prefix)
            self._grow(prefix, trial)
        if trial.proposed == "baseline":
            plain = [c for s in plainest(self._space, self._suffixes) if (c := self._candidate(prefix, trial, s))]
            plain.sort(key=lambda candidate: self._in_flight.seconds(candidate.proposal.recipe))
            self._first = plain[: self._most_first]

    def propose(self, state: SweepState, *, idle: bool = False) -> Proposal | None:
        """The variant to try next; None if none is worth it now.

        Args:
            state: Where the sweep stands.
            idle: A slot has nothing else to do.
        """
        if state.baseline is None:
            return None
        self._first = [first for first in self._first if not self._tried(first.proposal.recipe)]
        for first in self._first:
            if self._in_flight.free(first.proposal.recipe):
                return self._take(first)
        if self._recent.count("suffix") >= MOST:
            return None
        if not idle and self._warm < WARM_UP:
            return None
        if self._ranked is None:
            self._ranked = self._rank(state)
        least = 0.0 if idle else self._gain / max(self._seconds, 1e-9)
        for gain, seconds, digest in self._ranked:
            if gain <= least * seconds:
                return None
            candidate = self._candidates.get(digest)
            if candidate is None or self._tried(candidate.proposal.recipe):
                self._candidates.pop(digest, None)
            elif self._in_flight.free(candidate.proposal.recipe):
                return self._take(candidate)
        return None

    def _take(self, candidate: _Candidate) -> Proposal:
        """The proposal of `candidate`, which from now on counts as out."""
        digest = candidate.proposal.recipe.digest
        self._out[digest] = self._predict([candidate])[0]
        self._ranked = None
        self._candidates.pop(digest, None)
        return candidate.proposal

    def _rank(self, state: SweepState) -> list[tuple[float, float, str]]:
        """Gain, seconds and digest of the candidates that promise any gain, the most gain for the seconds first."""
        for digest in [d for d, candidate in self._candidates.items() if self._tried(candidate.proposal.recipe)]:
            del self._candidates[digest]
        candidates = list(self._candidates.values())
        if not candidates:
            return []
        gains = self._gains(self._predict(candidates), state)
        ranked = []
        for candidate, gain in zip(candidates, gains, strict=True):
            gain *= self._chance(candidate.proposal.params)
            if gain > 0:
                recipe = candidate.proposal.recipe
                ranked.append((float(gain), max(self._in_flight.seconds(recipe), 1e-9), recipe.digest))
        return sorted(ranked, key=lambda found: -found[0] / found[1])

    def _gains(self, values: np.ndarray, state: SweepState) -> np.ndarray:
        """The amount by which each of the predicted `values`, shape (points, metrics), would raise the hypervolume."""
        assert state.baseline
        points = self._points(values)
        taken = losses(state.front.members, self._objectives)
        if self._out:
            expected = self._points(np.array(list(self._out.values())))
            taken = np.vstack([taken, expected[~np.isnan(expected).any(axis=1)]])
        scale = {o.name: abs(state.baseline.metrics[o.name]) for o in self._objectives}
        before = dominated_share(taken, self._objectives, scale)
        gains = np.zeros(len(points))
        for index in np.flatnonzero(~np.isnan(points).any(axis=1)):
            if not (taken <= points[index]).all(axis=1).any():
                with_it = np.vstack([taken, points[index]])
                gains[index] = dominated_share(with_it[nondominated(with_it)], self._objectives, scale) - before
        return gains

    def _points(self, values: np.ndarray) -> np.ndarray:
        """The objectives, less is better, shape (points, objectives); NaN where a constraint is broken."""
        rows = [
            {
                name: float(value if direction == "maximize" else np.exp(value))
                for (name, direction), value in zip(self._metrics.items(), row, strict=True)
            }
            for row in values
        ]
        none = [np.nan] * len(self._objectives)
        kept = [all(constraint.holds(row) for constraint in self._constraints) for row in rows]
        points = [[o.loss(row) for o in self._objectives] if k else none for row, k in zip(rows, kept, strict=True)]
        return np.array(points).reshape(-1, len(self._objectives))

    def _predict(self, candidates: Sequence[_Candidate]) -> np.ndarray:
        """The metrics of `candidates` as `_values` gives them, better by what is not known; (candidates, metrics)."""
        predicted = np.zeros((len(candidates), len(self._metrics)))
        better = np.array([1.0 if direction == "maximize" else -1.0 for direction in self._metrics.values()])
        at: dict[Prefix, list[int]] = {}
        for index, candidate in enumerate(candidates):
            at.setdefault(candidate.prefix, []).append(index)
        for prefix, rows in at.items():
            mean, spread = self._effects.predict(prefix, np.stack([candidates[row].features for row in rows]))
            predicted[rows] = mean + OPTIMISM * better * spread
        return predicted

    def _grow(self, prefix: Prefix, trial: Trial) -> None:
        """Make candidates of all suffixes to go on from the networks of `trial`."""
        suffixes = self._suffixes
        if len(suffixes) > PER_PREFIX:
            suffixes = random.Random(f"{self._seed}:{trial.recipe.digest}").sample(suffixes, PER_PREFIX)
        for suffix in suffixes:
            if candidate := self._candidate(prefix, trial, suffix):
                self._candidates[candidate.proposal.recipe.digest] = candidate
        for digest in list(self._candidates)[:-KEPT]:
            del self._candidates[digest]

    def _candidate(self, prefix: Prefix, trial: Trial, suffix: Mapping[str, Value]) -> _Candidate | None:
        """The candidate that goes on from the networks of `trial` with `suffix`; None if there is none, or it was."""
        params = join(self._space, trial.params, suffix)
        recipe = None if params is None else self._space.recipe(params)
        if params is None or recipe is None or self._tried(recipe) or prefix_of(recipe) != prefix:
            return None
        return _Candidate(Proposal(recipe, params, "suffix"), prefix, self._encode(params))

    def _values(self, metrics: Mapping[str, float]) -> np.ndarray:
        """The numbers that effects are learned of: maximised metrics as they are, others as logarithms."""
        return np.array(
            [
                metrics[name] if direction == "maximize" else np.log(max(metrics[name], 1e-12))
                for name, direction in self._metrics.items()
            ]
        )

    def _encode(self, params: Mapping[str, Value]) -> np.ndarray:
        features = np.zeros(len(self._features))
        for feature, weight in choices(params, self._switches):
            if feature in self._features:
                features[self._features[feature]] = weight
        return features

    def _scheme(self, params: Mapping[str, Value]) -> tuple[Value, ...]:
        return tuple(params.get(name, NONE) for name in self._switches)

    def _chance(self, params: Mapping[str, Value]) -> float:
        """The share of trials with the scheme of `params` that did not fail, with half a good one added."""
        good, bad = self._ended.get(self._scheme(params), (0, 0))
        return (good + 0.5) / (good + bad + 0.5)


def _metrics(objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> dict[str, str]:
    """The metrics that have to be predicted, with the direction that is better."""
    found = {o.name: str(o.direction) for o in objectives}
    for constraint in constraints:
        found.setdefault(constraint.name, "minimize" if constraint.compare.startswith("<") else "maximize")
    return found
