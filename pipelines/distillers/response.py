"""Response: the student answers like the teacher, softened."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from pipelines.declaration import Declaration
from pipelines.distillers.signals import Signals
from spaces import Interval, Parameter, Params, When


def response_parameters(group: str, alpha: float, when: tuple[When, ...] = ()) -> tuple[Parameter, ...]:
    """The parameters of learning from a teacher's outputs, in a group of the space.

    Args:
        group: Which, such as ``distillation``.
        alpha: The weight that the teacher has by default.
        when: Conditions under which they apply.
    """
    return (
        Parameter(
            f"{group}.alpha",
            Interval(0, 1),
            default=alpha,
            when=when,
            help="weight of the teacher's outputs in the loss; the labels have the rest",
        ),
        Parameter(
            f"{group}.temperature",
            Interval(0.01, 1_000),
            default=4,
            when=(*when, When(f"{group}.alpha", (0,), negated=True)),
            help="how much the teacher's outputs are softened",
        ),
    )


class Response:
    """``T² · KL(teacher at T ‖ student at T)``, the mean over the batch.

    Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2; the factor
    T² keeps the gradients of labels and teacher of the same size.
    """

    name = "response"
    parameters: tuple[Parameter, ...] = response_parameters("distillation", 0.5)
    declares = Declaration()
    weight = "alpha"

    def problem(self, student: Signals, teacher: Signals) -> str | None:
        """See `Distiller.problem`."""
        if student.outputs.shape == teacher.outputs.shape:
            return None
        return f"the student gives {tuple(student.outputs.shape)}, but the teacher {tuple(teacher.outputs.shape)}"

    def loss(self, student: Signals, teacher: Signals, params: Params) -> nn.Module:
        """See `Distiller.loss`."""
        return _Loss(float(params["temperature"]))


class _Loss(nn.Module):
    def __init__(self, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature

    def forward(self, student: Signals, teacher: Signals) -> Tensor:
        soft = functional.kl_div(
            functional.log_softmax(student.outputs / self._temperature, dim=-1),
            functional.log_softmax(teacher.outputs / self._temperature, dim=-1),
            reduction="batchmean",
            log_target=True,
        )
        return self._temperature**2 * soft
