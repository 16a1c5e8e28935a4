"""The accuracy of a file on one split, with how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.measurement import Interval, Measurement
from pipelines.meters.accuracy import mean_interval, split_scores
from pipelines.runtimes import Session
from pipelines.tasks.task import Split, Task


@dataclass(frozen=True)
class Score:
    """An accuracy.

    Attributes:
        accuracy: The mean of the task's score.
        interval: Its 95 % confidence interval; None if the scores cannot tell, see `mean_interval`.
        examples: Of how many it is the mean.
        scores: Scores of the whole split that the task names.
        intervals: Their 95 % confidence intervals, where they are known.
    """

    accuracy: float
    interval: Interval | None
    examples: int
    scores: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def measurement(self) -> Measurement:
        """All of it as metrics."""
        own = Measurement({"accuracy": self.accuracy}, {"accuracy": self.interval} if self.interval else {})
        return own | Measurement(self.scores, self.intervals)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Score:
        """The score that `dataclasses.asdict` made plain data of: JSON has lists where intervals are pairs."""
        interval = (data["interval"][0], data["interval"][1]) if data["interval"] else None
        intervals = {name: (low, high) for name, (low, high) in data.get("intervals", {}).items()}
        return cls(data["accuracy"], interval, data["examples"], data.get("scores", {}), intervals)


def score_split(session: Session, task: Task, split: Split) -> Score:
    """Return the score of `session` on `split`.

    Raises:
        TrialFailed: an output is not finite, or the split is empty.
    """
    found, others = split_scores(session, task, split)
    return Score(float(found.mean()), mean_interval(found), len(found), others.metrics, others.intervals)
