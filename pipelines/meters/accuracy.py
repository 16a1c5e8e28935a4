"""Accuracy of the exported file in its runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from pipelines.errors import TrialFailed
from pipelines.ledger import ACCURACY, spending
from pipelines.measurement import Interval, Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.runtimes import Artifact, Session, to_feed
from pipelines.tasks.score import example_scores
from pipelines.tasks.task import Split, Task


class Accuracy:
    """The mean score over the validation split, of the file reloaded in a fresh session."""

    metrics: tuple[Metric, ...] = (
        Metric("accuracy", "maximize", "mean score on the validation split", best=1.0, of_score=True),
        Metric(
            "accuracy_drop", "minimize", "the exported teacher's accuracy less this file's", best=-1.0, of_score=True
        ),
    )

    def __init__(self) -> None:
        self._references: dict[Artifact, float] = {}

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        with spending(ACCURACY), candidate.lease.shared():
            found = self._scores_of(candidate.artifact, candidate)
            own = float(found.mean())
            if candidate.reference not in self._references:
                self._references[candidate.reference] = float(self._scores_of(candidate.reference, candidate).mean())
        drop = self._references[candidate.reference] - own
        interval = mean_interval(found)
        return Measurement({"accuracy": own, "accuracy_drop": drop}, {"accuracy": interval} if interval else {})

    def _scores_of(self, artifact: Artifact, candidate: Candidate) -> np.ndarray:
        session = candidate.load(artifact)
        return scores(session, candidate.task, "validation", between=candidate.lease.give_way)


def scores(session: Session, task: Task, split: Split, between: Callable[[], None] = lambda: None) -> np.ndarray:
    """The task's score of every example of `split`, shape (examples,); `between` is called after each batch.

    Raises:
        TrialFailed: an output is not finite, there is not one score per example, or no example counts.
    """
    found = []
    for inputs, targets in task.batches(split):
        outputs = torch.from_numpy(session.run(to_feed(inputs)))
        if not torch.isfinite(outputs).all():
            raise TrialFailed(f"the exported file gives outputs that are not finite on the {split} split")
        found.append(example_scores(task, outputs, targets).numpy())
        between()
    if not sum(map(len, found)):
        raise TrialFailed(f"the {split} split has no batches, or no label that counts")
    return np.concatenate(found)


def mean_interval(scores: np.ndarray) -> Interval | None:
    """The 95 % confidence interval of the mean of `scores`, shape (examples,); None if they cannot tell.

    Wilson's interval if they are all 0 or 1: it holds for few examples and near the ends, too. Otherwise Student's,
    which stands on the central limit theorem. Source: L. D. Brown, T. T. Cai, A. DasGupta, "Interval Estimation for a
    Binomial Proportion", 2001.
    """
    count, mean = len(scores), float(scores.mean())
    if np.isin(scores, (0, 1)).all():
        wilson = stats.binomtest(int(scores.sum()), count).proportion_ci(0.95, method="wilson")
        return float(wilson.low), float(wilson.high)
    if count < 2:  # one score says nothing of how scores differ
        return None
    half = float(stats.t.ppf(0.975, count - 1) * scores.std(ddof=1) / np.sqrt(count))
    return mean - half, mean + half
