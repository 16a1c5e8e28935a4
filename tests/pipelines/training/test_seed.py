import random

import numpy as np
import torch

from pipelines.training.seed import seed_everything


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_a_key_says_what_every_generator_gives() -> None:
    found = []
    for key in ("0" * 32, "f" * 32, "0" * 32):
        seed_everything(key)
        found.append(drawn())
    assert found[0] == found[2]
    assert not set(found[0]) & set(found[1])
