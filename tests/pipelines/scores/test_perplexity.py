import math

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from pipelines.scores.perplexity import Perplexity
from pipelines.tasks.reading import IGNORED, Reading

TOKENS = torch.tensor([[0, 1, 2, 3], [0, 1, IGNORED, IGNORED]])


def value_of(outputs: torch.Tensor) -> float:
    rows = Perplexity().rows(outputs, TOKENS, Reading(dim=-1), shift=True).values
    return Perplexity().value(rows, np.ones(len(rows)))


def test_it_is_that_of_all_tokens_and_of_those_that_count() -> None:
    outputs = torch.zeros(2, 4, 8)
    assert value_of(outputs) == pytest.approx(8)
    outputs[0, :3] = 100.0 * one_hot(TOKENS[0, 1:], 8)  # three of four are sure
    assert value_of(outputs) == pytest.approx(math.exp(math.log(8) / 4))


def test_without_tokens_it_is_no_number() -> None:
    assert math.isnan(Perplexity().value(np.zeros((2, 2)), np.ones(2)))
