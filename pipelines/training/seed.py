"""Seeds: what is random follows from a key, and from nothing that was done before."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_everything(key: str) -> None:
    """Seed every generator of this process from the digest `key`."""
    seed = int(key[:8], 16)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
