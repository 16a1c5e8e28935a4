"""The accuracy of a file on one split, with how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.measurement import Interval
from pipelines.meters.accuracy import mean_interval, scores
from pipelines.runtimes import Session
from pipelines.tasks.task import Split, Task


@dataclass(frozen=True)
class Score:
    """An accuracy.

    Attributes:
        accuracy: The mean of the task's score.
        interval: Its 95 % confidence interval; None if the scores cannot tell, see `mean_interval`.
        examples: Of how many it is the mean.
    """

    accuracy: float
    interval: Interval | None
    examples: int


def score_split(session: Session, task: Task, split: Split) -> Score:
    """Return the score of `session` on `split`.

    Raises:
        TrialFailed: an output is not finite, or the split is empty.
    """
    found = scores(session, task, split)
    return Score(float(found.mean()), mean_interval(found), len(found))
