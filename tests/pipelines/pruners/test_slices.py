import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.pruners.slices import Slice, merged, remove, target_of


def test_slices_survive_as_plain_data() -> None:
    one = Slice("a.b", "in", -1, (0, 3))
    assert Slice.from_json(one.to_json()) == one


def test_slices_of_one_side_of_a_layer_become_one() -> None:
    first, second = [Slice("a", "in", -1, (3,)), Slice("a", "out", -1, (1,))], [Slice("a", "in", -1, (0, 3))]
    assert merged([first, second]) == [Slice("a", "in", -1, (0, 3)), Slice("a", "out", -1, (1,))]


def test_layers_and_parameters_lose_what_is_named() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model.register_parameter("scale", nn.Parameter(torch.arange(8.0).view(4, 2)))
    kept = model[0].weight[[0, 2]].clone()
    gone = (1, 3)
    remove(model, [Slice("0", "out", -1, gone), Slice("1", "in", -1, gone), Slice("scale", "out", 0, gone)])
    assert torch.equal(model[0].weight, kept)
    assert model[1].weight.shape == (2, 2)
    assert target_of(model, "scale").tolist() == [[0, 1], [4, 5]]


def test_a_shared_weight_stays_one_or_is_refused() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    remove(model, [Slice("0", "in", -1, (1,)), Slice("1", "in", -1, (1,))])
    assert model[0].weight is model[1].weight
    with pytest.raises(TrialFailed, match=r"0\.weight and 1\.weight are one parameter, of which this would make two"):
        remove(model, [Slice("0", "in", -1, (1,))])
