"""The signals of a network for a batch: its outputs, and its features."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from pipelines.tasks.reading import Reading


@dataclass(frozen=True)
class Signals:
    """One network's answer to one batch.

    Attributes:
        outputs: (N, classes), or of another shape as `reading` says: the output that is scored.
        features: One tensor for each point that is listened to: vectors (N, C), tokens (N, tokens, C) or maps
            (N, C, H, W).
        reading: How the outputs are read.
    """

    outputs: Tensor
    features: tuple[Tensor, ...] = ()
    reading: Reading = field(default_factory=Reading)
