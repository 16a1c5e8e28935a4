import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from pipelines.distillation import distillation_loss

EVEN, TEACHER, FIRST = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]]), torch.tensor([0])
KL = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # between (3/4, 1/4) and (1/2, 1/2)


@pytest.mark.parametrize(
    ("teacher", "alpha", "temperature", "expected"),
    [
        (TEACHER, 0.0, 1.0, math.log(2)),
        (TEACHER, 1.0, 1.0, KL),
        (TEACHER, 0.5, 1.0, (math.log(2) + KL) / 2),
        (2 * TEACHER, 1.0, 2.0, 4 * KL),
    ],
    ids=["labels alone", "teacher alone", "half and half", "twice the temperature"],
)
def test_two_classes_by_hand(teacher: torch.Tensor, alpha: float, temperature: float, expected: float) -> None:
    value = distillation_loss(EVEN, FIRST, teacher, loss=cross_entropy, alpha=alpha, temperature=temperature)
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_it_is_a_mean_over_the_batch() -> None:
    value = distillation_loss(
        EVEN.repeat(5, 1), FIRST.repeat(5), TEACHER.repeat(5, 1), loss=cross_entropy, alpha=1, temperature=1
    )
    assert value.item() == pytest.approx(KL, rel=1e-6)


def test_a_student_like_its_teacher_has_only_the_labels_to_learn() -> None:
    outputs, targets = torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 5
    value = distillation_loss(outputs, targets, outputs, loss=cross_entropy, alpha=0.3, temperature=4)
    torch.testing.assert_close(value, 0.7 * cross_entropy(outputs, targets))


def test_only_the_student_is_taught() -> None:
    student, teacher = EVEN.clone().requires_grad_(), TEACHER.clone()
    distillation_loss(student, FIRST, teacher, loss=cross_entropy, alpha=1, temperature=1).backward()
    assert student.grad is not None
    torch.testing.assert_close(student.grad, torch.tensor([[-0.25, 0.25]]))
