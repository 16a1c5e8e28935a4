"""The contract of every registered score, and what each says of splits whose answer is known."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

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
def test_it_is_of_the_whole_split_however_it_is_cut_into_batches(score: SplitScore, kind: str) -> None:
    whole, parts = (measured(score, *BATCHES[kind], parts=parts) for parts in (1, 7))
    assert whole.metrics[score.name] == pytest.approx(parts.metrics[score.name])
    low, high = whole.intervals[score.name]
    assert low < whole.metrics[score.name] < high
    assert (low, high) == pytest.approx(parts.intervals[score.name])


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES.keys())
def test_what_is_right_throughout_has_the_best_value(score: SplitScore) -> None:
    reading = BATCHES[score.kinds[0]][2]
    right = 50.0 * torch.nn.functional.one_hot(LABELS, 3) if reading.kind == "classes" else LOGITS[:, 0]
    targets = LABELS if reading.kind == "classes" else LOGITS[:, 0]
    assert measured(score, right, targets, reading).metrics[score.name] == pytest.approx(score.best)


def test_f1_auc_and_iou_are_those_of_scikit_learn() -> None:
    predicted = LOGITS.argmax(1)
    found = {name: measured(SCORES[name], LOGITS, LABELS, Reading()).metrics[name] for name in ("f1", "auc", "miou")}
    assert found["f1"] == pytest.approx(f1_score(LABELS, predicted, average="macro"))
    assert found["auc"] == pytest.approx(roc_auc_score(LABELS, LOGITS.double().softmax(1), multi_class="ovr"))
    assert found["miou"] == pytest.approx(jaccard_score(LABELS, predicted, average="macro"))


def test_pixels_count_for_the_score_and_images_for_its_interval() -> None:
    outputs, masks = torch.zeros(2, 2, 8, 8), torch.zeros(2, 8, 8, dtype=torch.long)
    outputs[:, 1, :, :4] = 1.0  # the left half of both images is said to be class 1, and is so in the first one
    masks[0, :, :4] = 1
    outputs[:, 0, :, 4:] = 1.0
    found = measured(SCORES["miou"], outputs, masks, Reading())
    background, object_ = 64 / (64 + 32), 32 / 64
    assert found.metrics["miou"] == pytest.approx((background + object_) / 2)
    assert found.intervals["miou"] == pytest.approx(((32 / 64 + 0) / 2, 1.0))  # one image twice, or the other


def test_perplexity_is_that_of_all_tokens_and_of_those_that_count() -> None:
    tokens = torch.tensor([[0, 1, 2, 3], [0, 1, IGNORED, IGNORED]])
    outputs = torch.zeros(2, 4, 8)
    assert measured(SCORES["perplexity"], outputs, tokens, Reading(dim=-1), shift=True).metrics == {
        "perplexity": pytest.approx(8.0)
    }
    outputs[0, :3] = 100.0 * torch.nn.functional.one_hot(tokens[0, 1:], 8)
    (value,) = measured(SCORES["perplexity"], outputs, tokens, Reading(dim=-1), shift=True).metrics.values()
    assert value == pytest.approx(math.exp(math.log(8) / 4))


def test_an_auc_of_one_class_is_no_number() -> None:
    found = measured(SCORES["auc"], LOGITS, torch.zeros(60, dtype=torch.long), Reading())
    assert np.isnan(found.metrics["auc"])
    assert not found.intervals
