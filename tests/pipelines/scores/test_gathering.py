import numpy as np
import pytest
import torch

from pipelines.scores import SCORES
from pipelines.scores.gathering import Gathering
from pipelines.tasks.reading import Reading


def test_pixels_count_for_the_score_and_images_for_its_interval() -> None:
    outputs, masks = torch.zeros(2, 2, 8, 8), torch.zeros(2, 8, 8, dtype=torch.long)
    outputs[:, 1, :, :4] = 1.0  # the left half of both images is said to be class 1, and is so in the first one
    masks[0, :, :4] = 1
    outputs[:, 0, :, 4:] = 1.0
    gathering = Gathering([SCORES["miou"]], Reading(), shift=False)
    for image in (0, 1):
        gathering.add(outputs[image : image + 1], masks[image : image + 1])
    found = gathering.measurement()
    background, object_ = 64 / (64 + 32), 32 / 64
    assert found.metrics["miou"] == pytest.approx((background + object_) / 2)
    assert found.intervals["miou"] == pytest.approx(((32 / 64 + 0) / 2, 1.0))  # one image twice, or the other


@pytest.mark.parametrize("examples", [1, 4], ids=["one example", "no number"])
def test_what_cannot_be_drawn_anew_has_no_interval(examples: int) -> None:
    gathering = Gathering([SCORES["auc"]], Reading(), shift=False)
    gathering.add(torch.zeros(examples, 2), torch.zeros(examples, dtype=torch.long))
    found = gathering.measurement()
    assert np.isnan(found.metrics["auc"])
    assert not found.intervals
