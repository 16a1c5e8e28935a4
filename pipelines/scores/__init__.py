"""Scores of a whole split by name. A new one is a file here with a `SplitScore`, and its line in `SCORES`."""

from collections.abc import Mapping

from pipelines.scores.gathering import Gathering
from pipelines.scores.labelled import BALANCED_ACCURACY, F1, MEAN_IOU
from pipelines.scores.perplexity import Perplexity
from pipelines.scores.predicted_numbers import MAE, R2, RMSE
from pipelines.scores.ranked import Auc
from pipelines.scores.score import Rows, SplitScore
from pipelines.tasks.declared import loss_name, reading_of, score_names
from pipelines.tasks.losses import NEXT_TOKEN
from spaces import illegal

SCORES: Mapping[str, SplitScore] = {
    score.name: score for score in (F1, BALANCED_ACCURACY, MEAN_IOU, Auc(), Perplexity(), RMSE, MAE, R2)
}
"""What a task's ``scores`` may name."""


def gathering_of(task: object) -> Gathering:
    """What gathers the scores that `task` names while its batches pass."""
    scores = [SCORES[name] for name in score_names(task)]
    return Gathering(scores, reading_of(task), loss_name(task) == NEXT_TOKEN)


def scores_problem(task: object) -> str | None:
    """Return why the scores that `task` names cannot be taken of its outputs, or None."""
    kind = reading_of(task).kind
    legal = [score.name for score in SCORES.values() if kind in score.kinds]
    for name in score_names(task):
        if name not in SCORES:
            return f"scores: {illegal(name, list(SCORES))}"
        if name not in legal:
            return f"scores: {name} says nothing of outputs that are {kind}; of these: {', '.join(legal)}"
    return None


__all__ = ["SCORES", "Gathering", "Rows", "SplitScore", "gathering_of", "scores_problem"]
