import pytest
import torch

from pipelines.importances import L2
from pipelines.pruners import PruningRequest


@pytest.mark.parametrize(
    ("ratio", "whole", "half"),
    [(0.5, {"a": 0.5, "b": 0.5}, {"a": 0.25, "b": 0.25}), ({"a": 0.8}, {"a": 0.8, "b": 0}, {"a": 0.4, "b": 0})],
    ids=["one for all", "by layer"],
)
def test_a_part_of_a_cut_is_the_same_share_of_each_layers(ratio, whole, half) -> None:
    request = PruningRequest(torch.zeros(1), ratio, {"a": 8, "b": 8}, L2(), {"round_to": 8})
    assert {layer: request.ratio_of(layer) for layer in "ab"} == whole
    part = request.part(0.5)
    assert {layer: part.ratio_of(layer) for layer in "ab"} == half
    assert (part.sizes, part.params, part.importance) == (request.sizes, request.params, request.importance)
