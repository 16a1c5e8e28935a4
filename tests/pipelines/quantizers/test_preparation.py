from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from pipelines.quantizers import Calibration, StaticInt8
from pipelines.quantizers.preparation import prepare, ship
from pipelines.runtimes import OnnxRuntime, to_feed
from pipelines.runtimes.coverage import Coverage, int8_coverage


def test_a_rectifier_after_a_pooling_comes_before_it(export: Callable, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.Flatten())
    file = export(model, torch.zeros(1, 1, 8, 8))
    assert [node.op_type for node in onnx.load(file).graph.node] == ["Conv", "Relu", "MaxPool", "Conv", "Flatten"]
    images = torch.randn(8, 1, 8, 8)
    np.testing.assert_allclose(
        OnnxRuntime().load(file, threads=1).run(to_feed(images)), model(images).detach(), rtol=1e-4, atol=1e-5
    )
    params = {"calibrator": "minmax", "granularity": "channel"}
    StaticInt8().quantize(file, tmp_path / "model.onnx", Calibration(lambda: [images]), params)
    assert int8_coverage(tmp_path / "model.onnx") == Coverage(int8=2, floating=0, unfused=0)


def test_a_pooling_that_others_see_unrectified_stays(export: Callable) -> None:
    class Both(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pooled = nn.functional.max_pool2d(x, 2)
            return torch.relu(pooled) - pooled

    file = export(Both(), torch.zeros(1, 1, 4, 4))
    assert [node.op_type for node in onnx.load(file).graph.node] == ["MaxPool", "Relu", "Sub"]


def test_every_operator_has_a_name_of_its_own(exported, tmp_path: Path) -> None:
    model = onnx.load(exported.file)
    for node in model.graph.node:
        node.name = ""
    onnx.save(model, tmp_path / "nameless.onnx")
    prepare(tmp_path / "nameless.onnx", tmp_path / "prepared.onnx")
    names = [node.name for node in onnx.load(tmp_path / "prepared.onnx").graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def test_what_ships_has_nothing_that_only_tools_need(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("residual"), tmp_path / "model.onnx"
    model = onnx.load(given.file)
    assert model.graph.value_info
    model.doc_string = "made by hand"
    ship(model, file)
    shipped = onnx.load(file)
    assert not shipped.graph.value_info
    assert not shipped.doc_string
    assert [opset.domain for opset in shipped.opset_import] == [""]
    assert file.stat().st_size < given.file.stat().st_size


def test_layers_inputs_and_outputs_keep_their_names_and_other_tensors_get_short_ones(
    prepared: Callable, tmp_path: Path
) -> None:
    given, file = prepared("residual"), tmp_path / "model.onnx"
    params = {"calibrator": "minmax", "granularity": "channel"}
    StaticInt8().quantize(given.file, file, given.calibration, params)
    graph = onnx.load(file).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["input", "output"]
    assert {"/stem/stem.0/Conv", "/head/Gemm"} <= {node.name for node in graph.node}
    inside = {name for node in graph.node for name in (*node.input, *node.output)} - {"input", "output"}
    assert max(map(len, inside)) <= 2
    assert len({name for node in graph.node for name in node.output}) == sum(len(node.output) for node in graph.node)


def test_names_that_the_body_of_a_branch_sees_stay(tmp_path: Path) -> None:
    def body(operator: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(operator, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node(operator, ["doubled"], [operator])], operator, [], [out])

    nodes = [
        helper.make_node("Add", ["input", "input"], ["doubled"]),
        helper.make_node("ReduceSum", ["input"], ["total"], keepdims=0),
        helper.make_node("Cast", ["total"], ["chosen"], to=TensorProto.BOOL),
        helper.make_node("If", ["chosen"], ["output"], then_branch=body("Cos"), else_branch=body("Sin")),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in ("input", "output")]
    graph = helper.make_graph(nodes, "graph", values[:1], values[1:])
    ship(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), tmp_path / "model.onnx")
    outputs = torch.from_numpy(
        OnnxRuntime().load(tmp_path / "model.onnx", threads=1).run(to_feed(torch.tensor([[0.5, 1.0]])))
    )
    torch.testing.assert_close(outputs, torch.tensor([[1.0, 2.0]]).cos())
