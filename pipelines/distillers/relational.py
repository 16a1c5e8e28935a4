"""Relations: examples lie to each other, for the student, as they do for the teacher."""

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

ANGLES = 2
"""Weight of the angles against the distances; the source's ratio."""

EXAMPLES = 128
"""Of larger batches as many examples form triples: their number grows with the cube."""


class Relational:
    """Relational distillation by distances and angles; networks of any widths compare, but only within a batch.

    The distance of two examples is divided by the mean distance of the batch, and an angle is the cosine at one of
    three examples between the directions to the other two. Of both, differences count by the Huber loss, and the mean
    is taken over all pairs and all triples of different examples, and over the points. A batch of one example has no
    pairs, and one of two has no angles and only one distance: there is nothing to learn from either.

    Source: W. Park, D. Kim, Y. Lu, M. Cho, "Relational Knowledge Distillation", CVPR 2019, RKD-DA.
    """

    name = "relational"
    parameters: tuple[Parameter, ...] = (BETA,)
    declares = Declaration()
    weight = "beta"

    def point(self, model: nn.Module, example: Inputs) -> Point:
        """See `FeatureDistiller.point`."""
        return penultimate(model, example)

    def problem(self, student: Signals, teacher: Signals) -> str | None:
        """See `Distiller.problem`."""
        return None

    def loss(self, student: Signals, teacher: Signals, params: Params) -> nn.Module:
        """See `Distiller.loss`."""
        return _Loss()


class _Loss(nn.Module):
    def forward(self, student: Signals, teacher: Signals) -> Tensor:
        losses = []
        for own, shown in zip(student.features, teacher.features, strict=True):
            loss = own.sum() * 0  # what a batch too small for relations costs
            if len(own) > 1:
                loss = loss + functional.smooth_l1_loss(_distances(own), _distances(shown))
            if len(own) > 2:
                loss = loss + ANGLES * functional.smooth_l1_loss(_angles(own[:EXAMPLES]), _angles(shown[:EXAMPLES]))
            losses.append(loss)
        return torch.stack(losses).mean()


def _gram(features: Tensor) -> Tensor:
    """The scalar products (N, N) of `features` (N, …), their mean moved to 0: it changes no distance or angle."""
    flat = features.flatten(1)
    flat = flat - flat.mean(dim=0)
    return flat @ flat.T


def _lengths(gram: Tensor) -> Tensor:
    """The distances (N, N) between examples; below a thousandth of the usual one they are rounding, and stay there."""
    norms = gram.diagonal()
    squares = norms[:, None] + norms[None, :] - 2 * gram
    floor = 1e-6 * float(squares.detach().mean()) + 1e-12
    return squares.clamp(min=floor).sqrt()


def _distances(features: Tensor) -> Tensor:
    """The distances of all pairs of `features` (N, …) in units of their mean: (N² - N,)."""
    lengths = _lengths(_gram(features))
    pairs = lengths[~torch.eye(len(lengths), dtype=torch.bool, device=lengths.device)]
    return pairs / pairs.mean()


def _angles(features: Tensor) -> Tensor:
    """For each triple (i, j, k) of different examples of `features` (N, …), the cosine of the angle at j."""
    gram = _gram(features)
    lengths = _lengths(gram)
    # ⟨xᵢ - xⱼ, xₖ - xⱼ⟩ with j in front, from scalar products alone: features may have many more numbers than there
    # are examples.
    products = gram[None, :, :] - gram[:, :, None] - gram[:, None, :] + gram.diagonal()[:, None, None]
    cosines = (products / (lengths[:, :, None] * lengths[:, None, :])).clamp(-1, 1)
    same = torch.eye(len(gram), dtype=torch.bool, device=gram.device)
    return cosines[~(same[:, :, None] | same[:, None, :] | same[None, :, :])]
