"""Hints: the student's features, projected, are the teacher's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.declaration import Declaration
from pipelines.distillers.beta import BETA
from pipelines.distillers.point import Point, penultimate
from pipelines.distillers.signals import Signals
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params


class Hint:
    """The mean squared difference of the teacher's features and a learned linear projection of the student's.

    Maps of different sizes are averaged down to the smaller one. A projection between equal widths begins as the
    identity. All points and the labels are learned together, not in two phases as in the source.

    Source: A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3.
    """

    name = "hint"
    parameters: tuple[Parameter, ...] = (BETA,)
    declares = Declaration()
    weight = "beta"

    def point(self, model: nn.Module, example: Inputs) -> Point:
        """See `FeatureDistiller.point`."""
        return penultimate(model, example)

    def problem(self, student: Signals, teacher: Signals) -> str | None:
        """See `Distiller.problem`."""
        for own, shown in zip(student.features, teacher.features, strict=True):
            sizes = f"the student's features are {tuple(own.shape)} and the teacher's {tuple(shown.shape)}"
            if own.ndim != shown.ndim or own.ndim not in (2, 3, 4):
                return f"{sizes}; both must be vectors (N, C), tokens (N, tokens, C) or maps (N, C, H, W)"
            if own.ndim == 3 and own.shape[1] != shown.shape[1]:
                return f"{sizes}: they have different numbers of tokens"
        return None

    def loss(self, student: Signals, teacher: Signals, params: Params) -> nn.Module:
        """See `Distiller.loss`."""
        return _Loss(student, teacher)


class _Loss(nn.Module):
    def __init__(self, student: Signals, teacher: Signals) -> None:
        super().__init__()
        pairs = zip(student.features, teacher.features, strict=True)
        self._projections = nn.ModuleList(_projection(own, shown) for own, shown in pairs)

    def forward(self, student: Signals, teacher: Signals) -> Tensor:
        losses = [
            functional.mse_loss(*_same_size(project(own), shown))
            for project, own, shown in zip(self._projections, student.features, teacher.features, strict=True)
        ]
        return torch.stack(losses).mean()


def _projection(own: Tensor, shown: Tensor) -> nn.Module:
    channels = 1 if own.ndim == 4 else -1
    width, wanted = own.shape[channels], shown.shape[channels]
    layer = nn.Conv2d(width, wanted, 1) if own.ndim == 4 else nn.Linear(width, wanted)
    if width == wanted:
        with torch.no_grad():
            layer.weight.copy_(torch.eye(width).view_as(layer.weight))
            torch.nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _same_size(own: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps averaged down to the smaller height and width; anything else as it is."""
    if own.ndim != 4 or own.shape[2:] == shown.shape[2:]:
        return own, shown
    size = (min(own.shape[2], shown.shape[2]), min(own.shape[3], shown.shape[3]))
    return functional.adaptive_avg_pool2d(own, size), functional.adaptive_avg_pool2d(shown, size)
