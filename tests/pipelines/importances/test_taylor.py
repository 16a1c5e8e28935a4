import re

import pytest
import torch

from pipelines.errors import TrialFailed
from pipelines.importances import Taylor


def test_a_channel_has_what_the_loss_would_change_by(network, group_scores) -> None:
    # The sum of |weight · gradient| over the two convolutions; the gradient of the last filter is 0.
    assert group_scores(Taylor(), network).tolist() == pytest.approx([1 + 2, 2 + 2, 0 + 4])


def test_a_weight_has_its_size_times_its_gradients() -> None:
    weight, gradient = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
    assert Taylor().of_weights(weight, gradient).tolist() == [[3, 4, 3]]


def test_a_weight_without_a_gradient_cannot_be_ranked() -> None:
    with pytest.raises(TrialFailed, match=re.escape("needs the gradients of the loss, and this weight has none")):
        Taylor().of_weights(torch.ones(2), None)
