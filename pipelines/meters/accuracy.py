"""Accuracy of the exported file in its runtime."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from pipelines.errors import TrialFailed
from pipelines.extra import versions
from pipelines.file_hash import sha256
from pipelines.ledger import ACCURACY, spending
from pipelines.measurement import Interval, Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.runtimes import Artifact, Session, to_feed
from pipelines.scores import SCORES, SplitScore, gathering_of
from pipelines.tasks.batches import batches_of
from pipelines.tasks.score import example_scores
from pipelines.tasks.served import as_outputs
from pipelines.tasks.task import Split, Task
from pipelines.tasks.tensors import joined, scored
from spaces import digest

SCORE = "score"
"""What the scores of a file are called among the entries of the store."""

SCORES_FILE, OTHERS_FILE = "scores.npy", "others.json"
"""The files of such an entry: a score for every example, and the scores of the whole split."""


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

    Those are scores of the whole split, such as F1: see `pipelines.scores`. A file is scored once: the store keeps what
    was found, so that not every worker has to score the teacher.
    """

    running = False
    metrics: tuple[Metric, ...] = (
        Metric("accuracy", "maximize", "mean score on the validation split", best=1.0, of_score=True),
        Metric(
            "accuracy_drop", "minimize", "the exported teacher's accuracy less this file's", best=-1.0, of_score=True
        ),
        *map(_metric, SCORES.values()),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        with spending(ACCURACY):
            found, others = _scores(candidate, candidate.artifact)
            own, reference = float(found.mean()), float(_scores(candidate, candidate.reference)[0].mean())
        interval = mean_interval(found)
        return others | Measurement(
            {"accuracy": own, "accuracy_drop": reference - own}, {"accuracy": interval} if interval else {}
        )


def _scores(candidate: Candidate, artifact: Artifact) -> tuple[np.ndarray, Measurement]:
    """See `split_scores`; from the store if a file with the same bytes was scored so before."""

    def score(folder: Path) -> None:
        with candidate.lease.shared():
            session, between = candidate.load(artifact), candidate.lease.give_way
            found, others = split_scores(session, candidate.task, "validation", between=between)
        np.save(folder / SCORES_FILE, found)
        (folder / OTHERS_FILE).write_text(json.dumps(asdict(others)), encoding="utf-8")

    target = candidate.target
    about = {
        "stage": SCORE,
        "sha256": sha256(artifact.path),
        "task": candidate.fingerprint,
        "target": [target.runtime, target.device, target.threads],
    }
    folder = candidate.store.compute(digest(about | versions(candidate.runtime.packages)), score, about).folder
    others = json.loads((folder / OTHERS_FILE).read_text(encoding="utf-8"))
    return np.load(folder / SCORES_FILE), Measurement.from_json(others)


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
    for inputs, targets in batches_of(task, split):
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
    from scipy import stats  # slow to load, and whoever only reads needs none

    count, mean = len(scores), float(scores.mean())
    if np.isin(scores, (0, 1)).all():
        wilson = stats.binomtest(int(scores.sum()), count).proportion_ci(0.95, method="wilson")
        return float(wilson.low), float(wilson.high)
    if count < 2:  # one score says nothing of how scores differ
        return None
    half = float(stats.t.ppf(0.975, count - 1) * scores.std(ddof=1) / np.sqrt(count))
    return mean - half, mean + half
