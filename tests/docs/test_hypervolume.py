import numpy as np
import pytest

from docs.hypervolume import FRONT, NEW, PICTURE, TEACHER, picture, share
from search.config.objective import Objective
from search.study.front import dominated_share


def test_the_picture_is_what_the_script_draws() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "draw it again: python docs/hypervolume.py"


@pytest.mark.parametrize("front", [(TEACHER,), FRONT, (*FRONT, NEW)], ids=["teacher", "front", "one more"])
def test_its_numbers_are_the_hypervolumes_that_sweeps_tell(front) -> None:
    objectives = [Objective("size_mb", "minimize"), Objective("accuracy", "maximize")]
    points = np.array([(size, -accuracy) for size, accuracy in front])
    told = dominated_share(points, objectives, {"size_mb": 1.0, "accuracy": 1.0})
    assert share(front) == pytest.approx(told)
