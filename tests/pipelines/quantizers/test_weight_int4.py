from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from pipelines.errors import UnchangedError
from pipelines.onnxfile.optimized_graph import operators
from pipelines.quantizers import WeightInt4
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed


def test_products_and_tables_are_executed_from_4_bits(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("transformer"), tmp_path / "model.onnx"
    WeightInt4().quantize(given.file, file, given.calibration, {})
    counts = operators(file)
    assert counts["MatMulNBits"] == 5  # in and out of the attention, two feed-forward layers, the head
    assert counts["GatherBlockQuantized"] == 1
    assert counts["MatMul"] + counts.get("FusedMatMul", 0) == 2  # queries by keys, scores by values


def test_a_layer_that_is_kept_stays(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("linear"), tmp_path / "model.onnx"
    WeightInt4().quantize(given.file, file, given.calibration, {}, keep=["/2/Gemm"])
    assert [node.name for node in onnx.load(file).graph.node if node.op_type == "MatMulNBits"] == [
        "/0/Gemm_MatMul",
        "/4/Gemm_MatMul",
    ]


@pytest.mark.parametrize("layer", [nn.Linear(40, 16, bias=False), nn.Embedding(40, 48)], ids=["product", "look-up"])
def test_what_has_no_more_than_15_values_is_exact_and_zeros_stay(
    export: Callable, tmp_path: Path, layer: nn.Module
) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.randint(-7, 8, layer.weight.shape) * 0.25)
        layer.weight[:, ::32] = -2.0  # the largest of each block: a step is 0.25
        if isinstance(layer, nn.Embedding):
            layer.weight[:, ::32] = -1.75
    probes = torch.eye(40) if isinstance(layer, nn.Linear) else torch.arange(40)
    file = export(layer, probes[:1])
    WeightInt4().quantize(file, tmp_path / "model.onnx", None, {})
    outputs = torch.from_numpy(
        OnnxRuntime().load(Artifact(tmp_path / "model.onnx", "onnx"), Target()).run(to_feed(probes))
    )
    torch.testing.assert_close(outputs, layer(probes).detach(), atol=1e-6, rtol=0)


def test_two_layers_may_share_a_weight(export: Callable, tmp_path: Path) -> None:
    layer = nn.Linear(64, 64)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    file = export(model, torch.zeros(1, 64))
    WeightInt4().quantize(file, tmp_path / "model.onnx", None, {})
    x = torch.randn(4, 64)
    outputs = torch.from_numpy(OnnxRuntime().load(Artifact(tmp_path / "model.onnx", "onnx"), Target()).run(to_feed(x)))
    assert (outputs - model(x)).abs().max() < 0.3


@pytest.mark.parametrize(
    ("model", "example", "share"),
    [
        (nn.Linear(16, 2), torch.zeros(1, 16), "none"),
        (nn.Sequential(nn.Conv2d(1, 64, 8), nn.Flatten(), nn.Linear(64, 4)), torch.zeros(1, 1, 8, 8), "5.88%"),
    ],
    ids=["small layers", "convolutions"],
)
def test_what_hardly_reaches_a_network_is_a_problem_before_and_left_as_it_is_during_a_trial(
    export: Callable, tmp_path: Path, model: nn.Module, example: torch.Tensor, share: str
) -> None:
    reason = (
        f"{share} of the weights are in linear layers with at least 32 inputs, or in embeddings of as many numbers: "
        "so many share one scale"
    )
    assert WeightInt4().problem(model) == reason
    with pytest.raises(UnchangedError) as unchanged:
        WeightInt4().quantize(export(model, example), tmp_path / "model.onnx", None, {})
    assert unchanged.value.reason == reason


def test_recurrent_weights_are_no_linear_layers() -> None:
    assert str(WeightInt4().problem(nn.LSTM(64, 64))).startswith("none of the weights")
    assert WeightInt4().problem(nn.Linear(64, 64)) is None
