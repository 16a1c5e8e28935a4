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
from pipelines.scores import SCORES, SplitScore, gathering_of
from pipelines.tasks.score import example_scores
from pipelines.tasks.served import as_outputs
from pipelines.tasks.task import Split, Task
from pipelines.tasks.tensors import joined, scored


def _metric(score: SplitScore) -> Metric:
    """A score of the whole split as a metric: measured where the task names it."""
    return Metric(
        score.name,
        score.direction,
        f"{score.help}, on the validation split",
        absence=lambda target: "",
        best=score.best,
    )


class Accuracy:
    """The mean score over the validation split, of the file reloaded in a fresh session; beside it what `scores` name.

    Those are scores of the whole split, such as F1: see `pipelines.scores`.
    """

    metrics: tuple[Metric, ...] = (
        Metric("accuracy", "maximize", "mean score on the validation split", best=1.0, of_score=True),
        Metric(
            "accuracy_drop", "minimize", "the exported teacher's accuracy less this file's", best=-1.0, of_score=True
        ),
        *map(_metric, SCORES.values()),
    )

    def __init__(self) -> None:
        self._references: dict[Artifact, float] = {}

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        with spending(ACCURACY), candidate.lease.shared():
            found, others = self._of(candidate.artifact, candidate)
            own = float(found.mean())
            if candidate.reference not in self._references:
                self._references[candidate.reference] = float(self._of(candidate.reference, candidate)[0].mean())
        drop = self._references[candidate.reference] - own
        interval = mean_interval(found)
        return others | Measurement(
            {"accuracy": own, "accuracy_drop": drop}, {"accuracy": interval} if interval else {}
        )

    def _of(self, artifact: Artifact, candidate: Candidate) -> tuple[np.ndarray, Measurement]:
        session = candidate.load(artifact)
        return split_scores(session, candidate.task, "validation", between=candidate.lease.give_way)


def split_scores(
    session: Session, task: Task, split: Split, between: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, Measurement]:
    """The task's score of every example of `split`, shape (examples,), and the scores of the whole split that it names.

    Args:
        session: The exported file.
        task: Gives the data.
        split: Which.
        between: Called after each batch.

    Raises:
        TrialFailed: an output is not finite, there is not one score per example, no example counts, or a score of the
            whole split is no number.
    """
    found, others = [], gathering_of(task)
    for inputs, targets in task.batches(split):
        outputs = as_outputs({name: torch.from_numpy(x) for name, x in session.run_all(to_feed(inputs)).items()})
        if not torch.isfinite(joined(outputs)).all():
            raise TrialFailed(f"the exported file gives outputs that are not finite on the {split} split")
        found.append(example_scores(task, outputs, targets).numpy())
        others.add(scored(outputs), targets)
        between()
    if not sum(map(len, found)):
        raise TrialFailed(f"the {split} split has no batches, or no label that counts")
    measured = others.measurement()
    for name, value in measured.metrics.items():
        if not np.isfinite(value):
            raise TrialFailed(f"{name} of the {split} split is {value}: it needs examples of several classes there")
    return np.concatenate(found), measured


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
