from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipelines import Target
from pipelines.lease import Lease
from pipelines.meters.agreement import EXAMPLES, agreement


@pytest.fixture
def candidate(tmp_path):
    """A file that adds something to what its parent gives, which is the input."""

    def make(add, batches) -> SimpleNamespace:
        def load(artifact):
            moved = add if artifact == "own" else 0.0
            return SimpleNamespace(run=lambda feed: feed["input"] + np.float32(moved))

        task = SimpleNamespace(batches=lambda split: batches)
        lease = Lease(folder=tmp_path)
        return SimpleNamespace(artifact="own", parent="parent", load=load, task=task, target=Target(), lease=lease)

    return make


def test_the_noise_is_the_power_of_the_difference(candidate) -> None:
    inputs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    found = agreement(candidate([0.0, 1.0], [(inputs, torch.zeros(2))]))
    assert (found.noise, found.examples) == (0.5, 2)
    # (1, -1) becomes (1, 0), and (-1, 1) becomes (-1, 2): the largest stays the largest.
    assert found.same == 1.0
    assert agreement(candidate([0.0, 3.0], [(inputs, torch.zeros(2))])).same == 0.5


def test_outputs_that_are_no_rows_of_scores_have_no_largest(candidate) -> None:
    assert agreement(candidate(0.0, [(torch.ones(4, 1), None)])).same is None
    assert agreement(candidate(0.0, [(torch.ones(4, 2, 2), None)])).same is None


def test_no_more_examples_are_compared_than_it_takes(candidate) -> None:
    batches = ((torch.ones(40, 2), None) for _ in range(9))
    assert agreement(candidate(0.0, batches)).examples == EXAMPLES
    assert len(list(batches)) == 7
