"""Response: the student answers like the teacher, softened."""

from __future__ import annotations

from torch import Tensor, nn

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
    """The student's outputs come near to the teacher's, softened: see `pipelines.tasks.reading.Reading.softened`."""

    name = "response"
    parameters: tuple[Parameter, ...] = response_parameters("distillation", 0.5)
    declares = Declaration()
    weight = "alpha"

    def problem(self, student: Signals, teacher: Signals) -> str | None:
        """See `Distiller.problem`."""
        own, shown = tuple(student.outputs.shape), tuple(teacher.outputs.shape)
        if own != shown:
            return f"the student gives {own}, but the teacher {shown}"
        if student.reading.kind != "classes":
            return None
        dim = student.reading.dim_of(student.outputs)
        if dim is None:
            return (
                f"nobody has said over which dimension of the outputs, {own}, the classes lie: give the task a value "
                "class_dim, such as class_dim = -1, or set distillation.alpha to 0"
            )
        if own[dim] == 1:
            return (
                f"the outputs, {own}, have a single class, so that a softened answer is always the same: name the "
                'task\'s loss, such as loss = "mse", or set distillation.alpha to 0'
            )
        return None

    def loss(self, student: Signals, teacher: Signals, params: Params) -> nn.Module:
        """See `Distiller.loss`."""
        return _Loss(float(params.get("temperature", 1)))


class _Loss(nn.Module):
    def __init__(self, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature

    def forward(self, student: Signals, teacher: Signals) -> Tensor:
        return student.reading.softened(student.outputs, teacher.outputs, self._temperature)
