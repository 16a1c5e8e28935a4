"""The scale that batch normalization gives a channel."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipelines.errors import TrialFailed
from pipelines.importances.importance import Scope, Unit


class BatchNormScale:
    """The size of the factor that batch normalization multiplies a channel with.

    Channels without batch normalization stay whole. Source: Z. Liu et al., "Learning Efficient Convolutional Networks
    through Network Slimming", ICCV 2017, without that paper's sparsity training.
    """

    name = "bn-scale"
    needs_gradients = False
    units: tuple[Unit, ...] = ("channel",)
    scopes: tuple[Scope, ...] = ("local", "global")

    def of_groups(self) -> Any:
        """See `Importance.of_groups`."""
        # Not normalised: the factors of all layers are of one kind.
        return tp.importance.BNScaleImportance(normalizer=None)

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """See `Importance.of_weights`: always raises."""
        raise TrialFailed("the bn-scale importance ranks channels, not single weights; use another importance")

    def problem(self, model: nn.Module) -> str | None:
        """See `Importance.problem`."""
        if any(isinstance(module, _BatchNorm) and module.affine for module in model.modules()):
            return None
        return "the network has no batch normalization with a scale; use another importance"
