import pytest
import torch

from pipelines.tasks.reading import Reading


def test_two_networks_that_disagree_at_every_pixel_are_far_from_each_other() -> None:
    teacher, student = torch.zeros(2, 5, 8, 8), torch.zeros(2, 5, 8, 8)
    teacher[:, 0], student[:, 3] = 8, 8
    dense = Reading().softened(student, teacher, 2)
    rows = Reading().softened(*(x.movedim(1, -1).reshape(-1, 5) for x in (student, teacher)), 2)
    assert dense == pytest.approx(float(rows))
    assert dense > 1


@pytest.mark.parametrize(("shape", "dim"), [((4, 3), 1), ((4, 3, 8, 8), 1), ((4, 8, 3), -1)])
def test_classes_lie_in_the_dimension_that_is_said(shape: tuple[int, ...], dim: int) -> None:
    outputs = torch.zeros(shape)
    assert Reading(dim=dim).classes_second(outputs).shape[1] == 3


def test_without_a_dimension_only_rows_can_be_read() -> None:
    assert Reading(dim=None).dim_of(torch.zeros(4, 3)) == 1
    assert Reading(dim=None).dim_of(torch.zeros(4, 8, 3)) is None


@pytest.mark.parametrize("kind", ["classes", "labels", "numbers"])
def test_a_student_that_answers_like_its_teacher_has_nothing_to_learn(kind) -> None:
    outputs = torch.randn(4, 3)
    reading = Reading(kind)
    assert float(reading.softened(outputs, outputs, 4)) == pytest.approx(0, abs=1e-6)
    assert reading.softened(outputs + torch.tensor([1.0, 0, 0]), outputs, 4) > 0
