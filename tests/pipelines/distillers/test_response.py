import math

import pytest
import torch

from pipelines.distillers import RESPONSE, Signals

EVEN, TEACHER = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])
KL = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # between (3/4, 1/4) and (1/2, 1/2)


def loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    own, shown = Signals(student), Signals(teacher)
    return RESPONSE.loss(own, shown, {"alpha": 0.5, "temperature": temperature})(own, shown)


@pytest.mark.parametrize(
    ("student", "teacher", "temperature", "expected"),
    [
        (EVEN, TEACHER, 1, KL),
        (EVEN, 2 * TEACHER, 2, 4 * KL),
        (EVEN.repeat(5, 1), TEACHER.repeat(5, 1), 1, KL),
        (torch.cat([EVEN, TEACHER]), TEACHER.repeat(2, 1), 1, KL / 2),
    ],
    ids=["two classes", "twice the temperature", "a mean over the batch", "two examples, one of them learned"],
)
def test_answers_by_hand(student: torch.Tensor, teacher: torch.Tensor, temperature: float, expected: float) -> None:
    assert loss(student, teacher, temperature).item() == pytest.approx(expected, rel=1e-6)


def test_its_gradient_is_the_difference_of_probabilities() -> None:
    student = EVEN.clone().requires_grad_()
    loss(student, TEACHER, 1).backward()
    torch.testing.assert_close(student.grad, torch.tensor([[-0.25, 0.25]]))


def test_outputs_must_have_one_shape() -> None:
    problem = RESPONSE.problem(Signals(torch.zeros(1, 2)), Signals(torch.zeros(1, 3)))
    assert problem == "the student gives (1, 2), but the teacher (1, 3)"
