from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto
from torch import nn

from pipelines.onnxfile.graph import Graph
from pipelines.onnxfile.optimized_graph import operators
from pipelines.quantizers import WeightFp16
from pipelines.runtimes import to_feed


@pytest.mark.parametrize("network", ["residual", "transformer"])
def test_weights_are_stored_in_16_bits_and_computed_with_as_before(
    prepared: Callable, tmp_path: Path, network: str
) -> None:
    given, file = prepared(network), tmp_path / "model.onnx"
    WeightFp16().quantize(given.file, file, given.calibration, {})
    onnx.checker.check_model(file, full_check=True)
    assert TensorProto.FLOAT16 in [i.data_type for i in onnx.load(file).graph.initializer]
    assert operators(file) == operators(given.file)
    feed = to_feed(given.task.example_input())
    assert Graph(file, feed).parameters() == Graph(given.file, feed).parameters() > 1000


def test_weights_too_large_for_it_are_a_problem() -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight[0, 0] = 1e5
    assert WeightFp16().problem(model) == "weight has values above 65504, the largest number in half precision"
