"""Attention: the student looks where the teacher looks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.declaration import Declaration
from pipelines.distillers.beta import BETA
from pipelines.distillers.point import Point, last_map, positions
from pipelines.distillers.signals import Signals
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params


class Attention:
    """The squared distance of the two networks' attention maps, each scaled to length 1: between 0 and 2.

    An attention map is the mean of the squared activations over the channels, one number for each position of a map
    (N, C, H, W) or for each token (N, tokens, C). Maps of different sizes are averaged down to the smaller one. The
    mean is taken over the batch and over the points. Points after a layer normalisation say nothing: it makes all
    positions equally strong.

    Source: S. Zagoruyko, N. Komodakis, "Paying More Attention to Attention", ICLR 2017, equation 2 with squares of
    activations and of differences.
    """

    name = "attention"
    parameters: tuple[Parameter, ...] = (BETA,)
    declares = Declaration()
    weight = "beta"

    def point(self, model: nn.Module, example: Inputs) -> Point:
        """See `FeatureDistiller.point`."""
        return last_map(model, example)

    def problem(self, student: Signals, teacher: Signals) -> str | None:
        """See `Distiller.problem`."""
        for own, shown in zip(student.features, teacher.features, strict=True):
            sizes = f"the student's features are {tuple(own.shape)} and the teacher's {tuple(shown.shape)}"
            if own.ndim != shown.ndim or own.ndim not in (3, 4):
                return f"{sizes}; both must be maps (N, C, H, W) or tokens (N, tokens, C)"
            if own.ndim == 3 and own.shape[1] != shown.shape[1]:
                return f"{sizes}: they have different numbers of tokens"
            if min(positions(own), positions(shown)) == 1:
                return f"{sizes}: attention on a single position says nothing"
        return None

    def loss(self, student: Signals, teacher: Signals, params: Params) -> nn.Module:
        """See `Distiller.loss`."""
        return _Loss()


class _Loss(nn.Module):
    def forward(self, student: Signals, teacher: Signals) -> Tensor:
        losses = []
        for own, shown in zip(student.features, teacher.features, strict=True):
            difference = _map(own, like=shown) - _map(shown, like=own)
            losses.append(difference.square().sum(dim=1).mean())
        return torch.stack(losses).mean()


def _map(feature: Tensor, like: Tensor) -> Tensor:
    """The attention map of `feature`, no larger than that of `like`: (N, positions), each row of length 1."""
    if feature.ndim == 3:
        energy = feature.square().mean(dim=2)
    else:
        size = (min(feature.shape[2], like.shape[2]), min(feature.shape[3], like.shape[3]))
        energy = functional.adaptive_avg_pool2d(feature.square().mean(dim=1, keepdim=True), size).flatten(1)
    return functional.normalize(energy, dim=1)
