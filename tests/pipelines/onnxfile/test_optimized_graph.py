from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from pipelines.errors import TrialFailed
from pipelines.onnxfile.optimized_graph import operators
from pipelines.quantizers import Calibration, DynamicInt8, StaticInt8


def save(file: Path, nodes: list, initializers: list = ()) -> Path:
    x = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "graph", [x], [y], list(initializers))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
    return file


def test_fused_operators_count_as_what_they_became(tmp_path: Path) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4, 4], [0.5] * 16)
    bias = helper.make_tensor("b", TensorProto.FLOAT, [4], [1.0] * 4)
    nodes = [
        helper.make_node("MatMul", ["input", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["output"]),
    ]
    assert operators(save(tmp_path / "model.onnx", nodes, [weight, bias])) == {"FusedGemm": 1}


def test_bodies_of_branches_count(tmp_path: Path) -> None:
    def body(operator: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(operator, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node(operator, ["input"], [operator])], operator, [], [out])

    nodes = [
        helper.make_node("ReduceSum", ["input"], ["total"], keepdims=0),
        helper.make_node("Cast", ["total"], ["chosen"], to=TensorProto.BOOL),
        helper.make_node("If", ["chosen"], ["output"], then_branch=body("Cos"), else_branch=body("Sin")),
    ]
    counts = operators(save(tmp_path / "model.onnx", nodes))
    assert (counts["If"], counts["Cos"], counts["Sin"]) == (1, 1, 1)


def test_int8_convolutions_are_told_from_those_in_floating_point(exported, tmp_path: Path) -> None:
    calibration = Calibration(lambda: [torch.rand(4, 1, 8, 8)])
    file = tmp_path / "static.onnx"
    StaticInt8().quantize(exported.file, file, calibration, {"calibrator": "minmax", "granularity": "channel"})
    assert "QLinearConv" not in operators(exported.file)
    assert operators(file)["QLinearConv"] == 2
    DynamicInt8().quantize(exported.file, tmp_path / "dynamic.onnx", calibration, {})
    assert operators(tmp_path / "dynamic.onnx")["ConvInteger"] == 2


def test_nothing_is_left_beside_the_file(exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    operators(exported.file)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_refused_fails_the_trial(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(TrialFailed, match="ONNX Runtime cannot load the file"):
        operators(tmp_path / "model.onnx")
