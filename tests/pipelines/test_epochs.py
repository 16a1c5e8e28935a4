import pytest

from pipelines import STEPS, Training
from pipelines.epochs import epochs_of
from spaces import Recipe

DISTIL = {"distil": {"depth": 1, "alpha": 0.5, "temperature": 4}}
PRUNE = {"prune": {"method": "channel", "ratio": 0.5}}
BY_SENSITIVITY = {"prune": {"method": "channel", "ratio": 0.5, "scope": "sensitivity"}}


@pytest.mark.parametrize(
    ("steps", "epochs"),
    [
        ([], ()),
        ([{"quantize": {"scheme": "static-int8"}}], ()),
        ([DISTIL], (20,)),
        ([DISTIL, BY_SENSITIVITY, {"quantize": {"scheme": "qat-int8"}}], (20, 5, 3)),
        ([PRUNE, DISTIL], (5, 20)),
    ],
)
def test_every_training_but_the_teachers_counts(steps, epochs) -> None:
    assert epochs_of(Recipe.from_list(steps, STEPS), Training()) == epochs
