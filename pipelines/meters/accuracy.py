"""Accuracy of the exported file in its runtime."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from pipelines.errors import TrialFailed
from pipelines.meters.measurement import Measurement
from pipelines.meters.meter import Metric, Subject
from pipelines.runtimes import Session, to_feed
from pipelines.task import Split, Task, score_of


class Accuracy:
    """The mean score over the validation split, of the file reloaded in a fresh session."""

    metrics: tuple[Metric, ...] = (
        Metric("accuracy", "maximize", "mean score on the validation split"),
        Metric("accuracy_drop", "minimize", "the exported teacher's accuracy less this file's"),
    )

    def __init__(self) -> None:
        self._references: dict[Path, float] = {}

    def measure(self, subject: Subject) -> Measurement:
        """See `Meter.measure`."""
        own = self._accuracy_of(subject.file, subject)
        if subject.reference not in self._references:
            self._references[subject.reference] = self._accuracy_of(subject.reference, subject)
        return Measurement({"accuracy": own, "accuracy_drop": self._references[subject.reference] - own})

    def _accuracy_of(self, file: Path, subject: Subject) -> float:
        return accuracy(subject.runtime.load(file, subject.target.threads), subject.task, "validation")


def accuracy(session: Session, task: Task, split: Split) -> float:
    """The mean of the task's score over `split`.

    Raises:
        TrialFailed: an output is not finite, or the split is empty.
    """
    score = score_of(task)
    total, count = 0.0, 0
    for inputs, targets in task.batches(split):
        outputs = session.run(to_feed(inputs))
        if not torch.isfinite(outputs).all():
            raise TrialFailed(f"the exported file gives outputs that are not finite on the {split} split")
        scores = score(outputs, targets)
        total, count = total + float(scores.sum()), count + scores.numel()
    if not count:
        raise TrialFailed(f"the {split} split has no batches")
    return total / count


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share of which `successes` of `n` were seen.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    z = 1.959964
    share = successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)
