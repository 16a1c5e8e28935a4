"""The contract of every registered score."""

import numpy as np
import pytest
import torch

from pipelines.scores import SCORES, Gathering, SplitScore
from pipelines.tasks.reading import IGNORED, Reading

CHANCE = torch.Generator().manual_seed(0)
LOGITS, LABELS = torch.randn(60, 3, generator=CHANCE), torch.randint(3, (60,), generator=CHANCE)
BATCHES = {
    "classes": (LOGITS, LABELS, Reading()),
    "labels": (LOGITS, torch.randint(2, (60, 3), generator=CHANCE), Reading("labels")),
    "numbers": (LOGITS[:, 0], LOGITS[:, 0] + 0.5 * LOGITS[:, 1], Reading("numbers")),
}


def measured(score: SplitScore, outputs, targets, reading: Reading, parts: int = 1, shift: bool = False):
    gathering = Gathering([score], reading, shift)
    for each in zip(outputs.chunk(parts), targets.chunk(parts), strict=True):
        gathering.add(*each)
    return gathering.measurement()


@pytest.mark.parametrize(
    ("score", "kind"), [(score, kind) for score in SCORES.values() for kind in score.kinds], ids=lambda x: str(x)[:12]
)
def test_it_is_of_the_whole_split_however_it_is_cut_into_batches(
    score: SplitScore, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.scores.gathering.REPLICATES", 20)  # as many as tell one interval from another
    whole, parts = (measured(score, *BATCHES[kind], parts=parts) for parts in (1, 7))
    assert whole.metrics[score.name] == pytest.approx(parts.metrics[score.name])
    low, high = whole.intervals[score.name]
    assert low < whole.metrics[score.name] < high
    assert (low, high) == pytest.approx(parts.intervals[score.name])


def value_of(score: SplitScore, outputs, targets, reading: Reading) -> float:
    rows = score.rows(outputs, targets, reading, False).values
    return score.value(rows, np.ones(len(rows)))


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES.keys())
def test_what_is_right_throughout_has_the_best_value(score: SplitScore) -> None:
    reading = BATCHES[score.kinds[0]][2]
    right = 50.0 * torch.nn.functional.one_hot(LABELS, 3) if reading.kind == "classes" else LOGITS[:, 0]
    targets = LABELS if reading.kind == "classes" else LOGITS[:, 0]
    assert value_of(score, right, targets, reading) == pytest.approx(score.best)


@pytest.mark.parametrize(
    "score", [each for each in SCORES.values() if "labels" in each.kinds], ids=lambda each: each.name
)
def test_labels_that_do_not_count_change_nothing_whatever_is_predicted_of_them(score: SplitScore) -> None:
    outputs, targets, reading = BATCHES["labels"]
    unknown = targets.clone()
    unknown[:20, 0] = IGNORED
    others = outputs.clone()
    others[:20, 0] = -outputs[:20, 0]
    found = value_of(score, outputs, unknown, reading)
    assert found == value_of(score, others, unknown, reading)
    assert found != value_of(score, outputs, targets, reading)
