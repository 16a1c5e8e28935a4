from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto
from torch import nn

from pipelines.onnxfile.optimized_graph import operators
from pipelines.quantizers import WeightInt8


def test_weights_are_stored_in_8_bits_and_computed_with_as_before(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("residual"), tmp_path / "model.onnx"
    WeightInt8().quantize(given.file, file, given.calibration, {})
    assert [i.data_type for i in onnx.load(file).graph.initializer].count(TensorProto.INT8) == 3
    assert operators(file) == operators(given.file)


def test_the_largest_weight_of_a_channel_is_exact_and_zeros_stay(
    export: Callable, weights_in_use: Callable, tmp_path: Path
) -> None:
    layer = nn.Linear(4, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1.0, -2.0, 0.5], [0.0, 0.0, 0.0, 0.0], [100.0, 0.0, 50.0, 0.1]]))
    WeightInt8().quantize(export(layer, torch.zeros(1, 4)), tmp_path / "model.onnx", None, {})
    (weight,) = weights_in_use(tmp_path / "model.onnx").values()
    steps = np.array([[0, 64, -127, 32], [0, 0, 0, 0], [127, 0, 64, 0]])
    scales = np.array([[2.0], [1.0], [100.0]]) / 127
    np.testing.assert_allclose(weight.T, steps * scales, rtol=1e-6)


def test_a_weight_that_two_layers_share_is_stored_once(export: Callable, tmp_path: Path) -> None:
    layer = nn.Linear(64, 64)
    file = export(nn.Sequential(layer, nn.ReLU(), layer), torch.zeros(1, 64))
    WeightInt8().quantize(file, tmp_path / "model.onnx", None, {})
    assert [i.data_type for i in onnx.load(tmp_path / "model.onnx").graph.initializer].count(TensorProto.INT8) == 1
    WeightInt8().quantize(file, tmp_path / "kept.onnx", None, {}, keep=["/0/Gemm"])
    assert [i.data_type for i in onnx.load(tmp_path / "kept.onnx").graph.initializer].count(TensorProto.INT8) == 0
