from pathlib import Path

import pytest
import torch

from pipelines.checkpoint import Checkpoint
from pipelines.context import Context
from pipelines.stages import DISTIL, Distil, TrainTeacher


def distilled(context: Context, folder: Path, alpha: float) -> Checkpoint:
    folder.mkdir()
    torch.manual_seed(1)
    Distil().run((folder.parent,), folder, {"depth": 1, "alpha": alpha, "temperature": 4.0}, context)
    return Checkpoint.load(folder, context.task)


def test_a_student_is_shallower_than_its_teacher(context: Context, tmp_path: Path) -> None:
    TrainTeacher().run((), tmp_path, {}, context)
    student = distilled(context, tmp_path / "student", alpha=0.5)
    assert student.structure == [{"network": "student", "depth": 1}]
    assert len(student.model) < len(Checkpoint.load(tmp_path, context.task).model)


def test_taught_by_the_teacher_alone_it_answers_like_the_teacher(context: Context, tmp_path: Path) -> None:
    TrainTeacher().run((), tmp_path, {}, context)
    teacher = Checkpoint.load(tmp_path, context.task).model
    student = distilled(context, tmp_path / "student", alpha=1.0).model
    for images, _ in context.task.batches("validation"):
        assert torch.equal(student(images).argmax(1), teacher(images).argmax(1))


def test_without_weight_no_teacher_is_asked(context: Context, tmp_path: Path) -> None:
    distilled(context, tmp_path / "student", alpha=0.0)  # there is no teacher in the parent's folder
    with pytest.raises(FileNotFoundError):
        distilled(context, tmp_path / "other", alpha=0.5)


def test_a_depth_that_does_not_exist_is_the_tasks_to_refuse(context: Context, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a tiny student has 1 convolution, not 7"):
        Distil().run((tmp_path,), tmp_path, {"depth": 7, "alpha": 0}, context)


@pytest.mark.parametrize(
    ("params", "label"),
    [({"depth": 2, "alpha": 0}, "d2"), ({"depth": 3, "alpha": 0.5, "temperature": 4}, "d3(α0.5,T4)")],
    ids=["labels alone", "with a teacher"],
)
def test_its_label_names_depth_and_teaching(params: dict, label: str) -> None:
    assert DISTIL.label(params) == label


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("none", None),
        (1, None),
        (0, "0 is out of range; legal: a whole number >= 1, or none for the teacher itself"),
        ("two", "'two' is not a whole number; legal: a whole number >= 1, or none for the teacher itself"),
    ],
    ids=["none", "one", "zero", "word"],
)
def test_a_depth_is_a_whole_number_or_none(value: object, message: str | None) -> None:
    assert DISTIL.switch.domain.problem(value) == message
