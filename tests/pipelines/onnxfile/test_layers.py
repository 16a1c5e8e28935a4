from collections.abc import Callable

import onnx
import pytest
import torch
from torch import nn

from pipelines.networks.exclusion import Exclusion
from pipelines.onnxfile.layers import layers, no_weights, nodes_of, replaceable


def test_layers_are_what_has_a_weight_in_the_file(prepared: Callable) -> None:
    found = layers(onnx.load(prepared("residual").file).graph)
    assert [(layer.name, layer.axis) for layer in found] == [
        ("/stem/stem.0/Conv", 0),
        ("/body/body.0/Conv", 0),
        ("/head/Gemm", 0),
    ]
    names = {layer.name: layer.axis for layer in layers(onnx.load(prepared("transformer").file).graph)}
    assert names["/embedding/Gather"] == 0  # entries
    assert names["/encoder/linear1/MatMul"] == 1  # outputs
    assert len(names) == 6  # and none of the attention's products of two activations


def test_a_weight_of_a_layer_that_is_kept_is_not_replaceable(export: Callable) -> None:
    shared = nn.Linear(8, 8, bias=False)
    graph = onnx.load(export(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(8, 2)), torch.zeros(1, 8))).graph
    kept, free = {}, {}
    for found, keep in ((free, ()), (kept, [layers(graph)[0].name])):
        found.update({initializer.name: values.shape for initializer, values, _ in replaceable(graph, keep)})
    assert sorted(free.values()) == [(2, 8), (8, 8)]
    assert list(kept.values()) == [(2, 8)]


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (nn.Conv1d(1, 1, 1), None),
        (nn.Embedding(2, 2), None),
        (nn.LayerNorm(2), "the network has no convolution and no matrix product with weights"),
        (nn.GRU(8, 8), "100% of the weights are in GRU layers, which stay as they are"),
        (
            nn.ModuleList([nn.LSTM(8, 16), nn.Linear(16, 4)]),
            "96% of the weights are in LSTM layers, which stay as they are",
        ),
        (nn.ModuleList([nn.LSTM(8, 16), nn.Linear(16, 40)]), None),
    ],
    ids=["convolution", "embedding", "normalization", "recurrence", "little else", "much else"],
)
def test_no_weights_says_what_is_missing(model: nn.Module, problem: str | None) -> None:
    assert no_weights(model) == problem


def test_recurrences_that_a_scheme_quantizes_count() -> None:
    assert no_weights(nn.LSTM(8, 8), recurrent=(nn.LSTM,)) is None
    assert no_weights(nn.GRU(8, 8), recurrent=(nn.LSTM,)) is not None
    assert no_weights(nn.GRU(8, 8), recurrent=(nn.RNNBase,)) is None


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("stem.0", {"/stem/stem.0/Conv"}),
        ("body", {"/body/body.0/Conv"}),
        ("head", {"/head/Gemm"}),
        ("tail", set()),
    ],
)
def test_operators_are_found_by_the_layers_that_they_compute(prepared: Callable, pattern: str, names: set[str]) -> None:
    assert {*nodes_of(prepared("residual").file, Exclusion((pattern,)))} >= names
    if not names:
        assert nodes_of(prepared("residual").file, Exclusion((pattern,))) == []


def test_all_calls_of_a_layer_are_found(export: Callable) -> None:
    shared = nn.Linear(8, 8, bias=False)
    file = export(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(8, 2)), torch.zeros(1, 8))
    assert len(nodes_of(file, Exclusion(("0",)))) == 2
    assert nodes_of(file, Exclusion(("3",))) == ["/3/Gemm"]
