"""The accuracy of a file on one split, with how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.meters.accuracy import accuracy, wilson
from pipelines.meters.measurement import Interval
from pipelines.runtimes import Session
from pipelines.task import Split, Task


@dataclass(frozen=True)
class Score:
    """An accuracy.

    Attributes:
        accuracy: The mean of the task's score.
        interval: Its 95 % confidence interval (Wilson's); None for a score that is no share, outside 0 to 1.
        examples: Of how many it is the mean.
    """

    accuracy: float
    interval: Interval | None
    examples: int


def score_split(session: Session, task: Task, split: Split) -> Score:
    """How well `session` does on `split`.

    Raises:
        TrialFailed: an output is not finite, or the split is empty.
    """
    mean = accuracy(session, task, split)
    examples = sum(len(targets) for _, targets in task.batches(split))
    return Score(mean, wilson(mean * examples, examples) if 0 <= mean <= 1 else None, examples)
