import torch
from torch import nn

from pipelines.networks.dataflow import Dataflow
from pipelines.pruners.slices import Slices, remove, slices_of


def test_slices_survive_as_plain_data() -> None:
    one = Slices({"a.weight": {0: (0, 3), 1: (2,)}}, [("a", "width", 4), ("a", "shape", (4, 2))])
    assert Slices.from_json(one.to_json()) == one


def test_layers_and_parameters_lose_what_is_named() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model.register_parameter("scale", nn.Parameter(torch.arange(8.0).view(4, 2)))
    kept = model[0].weight[[0, 2]].clone()
    gone = (1, 3)
    remove(model, Slices({"0.weight": {0: gone}, "0.bias": {0: gone}, "1.weight": {1: gone}, "scale": {0: gone}}))
    assert torch.equal(model[0].weight, kept)
    assert (model[0].out_features, model[1].in_features) == (2, 2)
    assert model.scale.tolist() == [[0, 1], [4, 5]]


def test_a_shared_weight_stays_one() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    remove(model, Slices({"0.weight": {1: (1,)}}))
    assert model[0].weight is model[1].weight
    assert model[1].in_features == 3


def test_what_follows_from_an_axis_is_lost_with_it() -> None:
    model = nn.Sequential(nn.Conv1d(1, 4, 1), nn.Conv1d(4, 8, 1, groups=4), nn.Flatten(), nn.Linear(16, 3)).eval()
    flow = Dataflow(model, (torch.randn(1, 1, 2),))
    (axis,) = flow.leaves["0.weight"][0]
    slices = slices_of(flow, {axis.root: [1]}, [])
    assert slices.gone["1.weight"] == {0: (2, 3)}
    assert slices.gone["3.weight"] == {1: (4, 5, 6, 7)}
    assert slices.attributes == [("1", "groups", 3)]
