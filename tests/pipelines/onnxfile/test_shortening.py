from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipelines.onnxfile.graph import Graph
from pipelines.onnxfile.shortening import shortened
from pipelines.quantizers import QUANTIZERS
from pipelines.quantizers.fp16 import convert_float_to_float16


def run(model: onnx.ModelProto, **feed: object) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {name: np.asarray(value) for name, value in feed.items()})[0]


def branching() -> onnx.ModelProto:
    """``x * factor`` if ``choose`` else ``x + factor``: branches that read names from outside."""
    number = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [])  # noqa: E731
    arms = [
        helper.make_graph([helper.make_node(op, ["a rather long name", "factor"], [out])], op, [], [number(out)])
        for op, out in (("Mul", "product"), ("Add", "sum"))
    ]
    nodes = [
        helper.make_node("Identity", ["0"], ["a rather long name"], name="first", doc_string="says nothing"),
        helper.make_node("If", ["choose"], ["1"], then_branch=arms[0], else_branch=arms[1]),
    ]
    choose = helper.make_tensor_value_info("choose", TensorProto.BOOL, [])
    factor = numpy_helper.from_array(np.float32(3), "factor")
    graph = helper.make_graph(nodes, "g", [number("0"), choose], [number("1")], [factor], doc_string="a note")
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9, doc_string="another")


def test_inputs_and_outputs_keep_their_names_and_shapes(exported) -> None:
    before, after = onnx.load(exported.file).graph, shortened(onnx.load(exported.file)).graph
    assert list(after.input) == list(before.input)
    assert list(after.output) == list(before.output)
    assert [list(tensor.dims) for tensor in after.initializer] == [list(tensor.dims) for tensor in before.initializer]


def test_names_are_short_within_branches_too_and_no_note_is_left() -> None:
    before, after = branching(), shortened(branching())
    for choose, expected in ((True, 6.0), (False, 5.0)):
        feed = {"0": np.float32(2), "choose": choose}
        assert run(before, **feed) == run(after, **feed) == expected
    text = str(after)
    assert not any(word in text for word in ("doc_string", "a rather long name", "factor", "product", "sum", "first"))
    assert {"0", "1"} <= {value.name for value in [*after.graph.input, *after.graph.output]}


def test_weights_and_imports_that_nothing_uses_go(exported) -> None:
    model = onnx.load(exported.file)
    before = len(model.graph.initializer)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1000, dtype=np.float32), "left over"))
    assert len(shortened(model).graph.initializer) == before
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert [imported.domain for imported in shortened(model).opset_import] == [""]


@pytest.mark.parametrize("half", [False, True], ids=["single", "half"])
def test_shapes_stay_in_half_precision_only(exported, half: bool) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(exported.file))
    if half:
        model = convert_float_to_float16(model, keep_io_types=True)
    told = {value.name for value in shortened(model).graph.value_info}
    inside = {name for node in model.graph.node for name in node.output}
    assert bool(told) == half
    assert told <= inside


def test_shortening_twice_changes_nothing(exported) -> None:
    once = shortened(onnx.load(exported.file)).SerializeToString()
    assert shortened(onnx.load_from_string(once)).SerializeToString() == once


def test_the_values_of_weights_do_not_show_in_the_size() -> None:
    def of(zero_point: int) -> onnx.ModelProto:
        ends = [helper.make_tensor_value_info(name, TensorProto.UINT8, [1]) for name in "xy"]
        weight = helper.make_tensor("zero_point", TensorProto.UINT8, [1], [zero_point])
        graph = helper.make_graph(
            [helper.make_node("Max", ["x", "zero_point"], ["y"])], "g", [ends[0]], [ends[1]], [weight]
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)

    assert of(1).ByteSize() != of(200).ByteSize()
    assert shortened(of(1)).ByteSize() == shortened(of(200)).ByteSize()
    assert run(shortened(of(200)), x=np.array([3], np.uint8)) == 200


class Tied(nn.Module):
    """An embedding and an output layer with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.hidden, self.out = nn.Embedding(50, 16), nn.Linear(16, 16), nn.Linear(16, 50, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(self.embed(x))))


@pytest.mark.parametrize("scheme", [None, "weight-int8", "dynamic-int8"], ids=str)
def test_tied_weights_are_in_the_file_once(export, tmp_path: Path, scheme: str | None) -> None:
    torch.manual_seed(0)
    ids = torch.arange(10).view(2, 5)
    file = export(Tied(), ids)
    if scheme:
        QUANTIZERS[scheme].quantize(file, tmp_path / "quantized.onnx", None, {})
        file = tmp_path / "quantized.onnx"
    before, after = onnx.load(file), shortened(onnx.load(file))
    tables = [sorted(weight.dims) for weight in after.graph.initializer].count([16, 50])
    assert tables == (2 if scheme == "dynamic-int8" else 1)  # an embedding's numbers are unsigned there, a layer's not
    assert [sorted(weight.dims) for weight in before.graph.initializer].count([16, 50]) == 2
    np.testing.assert_array_equal(run(before, input=ids), run(after, input=ids))
    onnx.save(after, tmp_path / "after.onnx")
    expected = 50 * 16 * tables + 16 * 16 + 16
    assert Graph(tmp_path / "after.onnx", {"input": ids.numpy()}).parameters() == expected


def test_matrices_of_one_number_are_equal_by_chance() -> None:
    zeros = [numpy_helper.from_array(np.zeros((4, 4), np.float32), name) for name in ("one", "two")]
    nodes = [helper.make_node("MatMul", ["x", "one"], ["h"]), helper.make_node("MatMul", ["h", "two"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], zeros))
    assert len(shortened(model).graph.initializer) == 2
