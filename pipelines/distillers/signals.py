"""The signals of a network for a batch: its outputs, and its features."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Signals:
    """One network's answer to one batch.

    Attributes:
        outputs: (N, classes).
        features: One tensor for each point that is listened to: vectors (N, C), tokens (N, tokens, C) or maps
            (N, C, H, W).
    """

    outputs: Tensor
    features: tuple[Tensor, ...] = ()
