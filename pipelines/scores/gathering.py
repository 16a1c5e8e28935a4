"""Scores of a split, gathered while its batches pass: the value of each, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse
from torch import Tensor

from pipelines.errors import TrialFailed
from pipelines.measurement import Interval, Measurement
from pipelines.scores.score import Rows, SplitScore
from pipelines.tasks.reading import Reading
from pipelines.tasks.tensors import Targets

SEVERAL = "they are taken of targets that are one tensor, and these are several"

REPLICATES = 200
"""How often a split is drawn anew: with as many the ends of an interval move by a tenth of its length, about."""

MANY = 2
"""With so many times more rows than different ones, those that are equal are counted and kept once."""


class Gathering:
    """The scores of one file on one split.

    Args:
        scores: Which.
        reading: How outputs are read.
        shift: See `SplitScore.rows`.
    """

    def __init__(self, scores: Iterable[SplitScore], reading: Reading, shift: bool) -> None:
        self._scores, self._reading, self._shift = tuple(scores), reading, shift
        self._rows: dict[str, list[Rows]] = {score.name: [] for score in self._scores}
        self._examples = 0

    def add(self, outputs: Tensor, targets: Targets) -> None:
        """Take a batch: the output that is scored, and its targets, batch first, on the CPU.

        Raises:
            TrialFailed: the targets are several tensors, and there are scores.
        """
        if not isinstance(targets, Tensor):
            if self._scores:
                raise TrialFailed(f"the scores of the split: {SEVERAL}")
            return
        for score in self._scores:
            found = score.rows(outputs, targets, self._reading, self._shift)
            self._rows[score.name].append(Rows(found.values, found.examples + self._examples))
        self._examples += len(targets)

    def measurement(self) -> Measurement:
        """The value of each score, with its 95 % interval where that can be told."""
        values: dict[str, float] = {}
        intervals: dict[str, Interval] = {}
        for score in self._scores:
            rows, counts = self._counted(score)
            values[score.name] = score.value(rows, np.asarray(counts.sum(0)).ravel())
            if interval := self._interval(score, rows, counts):
                ends = (*interval, values[score.name])  # of few examples it may lie beyond all but a few replicates
                intervals[score.name] = min(ends), max(ends)
        return Measurement(values, intervals)

    def _counted(self, score: SplitScore) -> tuple[np.ndarray, sparse.csr_matrix]:
        """The different rows of `score`, and how many of each every example has: shape (examples, rows)."""
        values = np.concatenate([rows.values for rows in self._rows[score.name]])
        examples = np.concatenate([rows.examples for rows in self._rows[score.name]])
        places = np.arange(len(values))
        if len(values) > MANY * self._examples:  # of pixels and tokens there are many alike
            values, places = np.unique(values, axis=0, return_inverse=True)
        counts = sparse.csr_matrix(
            (np.ones(len(examples)), (examples, places.ravel())), shape=(self._examples, len(values))
        )
        return values, counts

    def _interval(self, score: SplitScore, rows: np.ndarray, counts: sparse.csr_matrix) -> Interval | None:
        """The 95 % interval by the percentiles of a bootstrap over examples; None for fewer than two of them.

        Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Examples are drawn and
        not what is predicted in them: pixels of one image, or tokens of one sentence, are not independent.
        """
        if self._examples < 2:
            return None
        chance = np.random.default_rng(0)
        drawn = chance.multinomial(self._examples, np.full(self._examples, 1 / self._examples), size=REPLICATES)
        found = np.array([score.value(rows, np.asarray(each @ counts).ravel()) for each in drawn])
        found = found[np.isfinite(found)]
        if len(found) < REPLICATES / 2:
            return None
        low, high = np.percentile(found, [2.5, 97.5])
        return float(low), float(high)
