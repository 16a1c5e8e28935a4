"""Noise: how far outputs are from those that they should be."""

from __future__ import annotations

import numpy as np


def noise_share(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the power of what `found` differs by, as a share of that of `expected`: 0.01 is 20 dB.

    Numbers that are not finite, where `expected` has others, are infinite noise.
    """
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    noise = float(np.square(found - expected).mean()) / (float(np.square(expected).mean()) or 1.0)
    return noise if np.isfinite(noise) else float("inf")
