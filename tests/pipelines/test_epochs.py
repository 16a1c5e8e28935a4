import pytest

from pipelines import STEPS, Training
from pipelines.epochs import epochs_of, is_training
from pipelines.stages import STAGE_TYPES
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


def test_the_epochs_are_those_of_the_settings() -> None:
    recipe = Recipe.from_list([DISTIL, BY_SENSITIVITY, {"quantize": {"scheme": "qat-int8"}}], STEPS)
    training = Training(teacher_epochs=9, student_epochs=7, finetune_epochs=0, qat_epochs=2)
    assert epochs_of(recipe, training) == (7, 0, 2)


def test_the_teacher_is_no_training_of_a_recipe() -> None:
    assert [stage.name for stage in STAGE_TYPES if is_training(stage.name)] == ["distil", "prune", "qat"]
    assert not is_training("measuring")
