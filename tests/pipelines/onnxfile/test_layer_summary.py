from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipelines.onnxfile.layer_summary import Graph, Layer
from pipelines.onnxfile.shortening import shortened
from pipelines.quantizers import QUANTIZERS, Calibration


def write(path: Path, nodes: list, weights: dict[str, np.ndarray], inputs: tuple[str, ...] = ("x",)) -> Path:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inputs],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph), path)
    return path


def ones(*shape: int, kind: type = np.float32) -> np.ndarray:
    return np.ones(shape, kind)


@pytest.mark.parametrize(
    ("nodes", "weight", "layer"),
    [
        ([helper.make_node("Conv", ["x", "w"], ["y"])], ones(6, 4, 3, 3), Layer("float32", 6, 216, 0)),
        (
            [helper.make_node("ConvTranspose", ["x", "w"], ["y"], group=2)],
            ones(4, 3, 2, 2),
            Layer("float32", 6, 48, 0),
        ),
        ([helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)], ones(6, 4), Layer("float32", 6, 24, 0)),
        ([helper.make_node("Gemm", ["x", "w"], ["y"])], ones(4, 6), Layer("float32", 6, 24, 0)),
        ([helper.make_node("MatMul", ["x", "w"], ["y"])], ones(4, 6), Layer("float32", 6, 24, 0)),
        (
            [helper.make_node("Transpose", ["w"], ["t"]), helper.make_node("MatMul", ["x", "t"], ["y"])],
            np.eye(6, 4, dtype=np.float32),
            Layer("float32", 6, 24, 20),
        ),
        (
            [helper.make_node("Cast", ["w"], ["t"], to=1), helper.make_node("MatMul", ["x", "t"], ["y"])],
            np.eye(4, 6, dtype=np.float16),
            Layer("float16", 6, 24, 20),
        ),
        (
            [helper.make_node("DequantizeLinear", ["w", "s"], ["t"]), helper.make_node("MatMul", ["x", "t"], ["y"])],
            np.eye(4, 6, dtype=np.int8),
            Layer("int8", 6, 24, 0),
        ),
        (
            [helper.make_node("MatMulNBits", ["x", "w", "s"], ["y"], domain="com.microsoft", bits=4, N=6, K=32)],
            ones(6, 1, 16, kind=np.uint8),
            Layer("4-bit", 6, 192, 0),
        ),
    ],
    ids=[
        *("conv", "transposed conv", "gemm, transposed", "gemm", "product", "turned", "half precision", "int8", "4-bit")
    ],
)
def test_a_layer_has_its_width_and_how_its_weight_is_stored(tmp_path, nodes, weight, layer) -> None:
    found = Graph.read(write(tmp_path / "a.onnx", nodes, {"w": weight, "s": ones(1)}))
    assert found.layers == (layer,)
    assert (found.integers, found.stored) == (False, {layer.stored})
    assert found.sparsity == pytest.approx(layer.zeros / layer.size)


@pytest.mark.parametrize(
    ("scheme", "params", "stored"), [("weight-int8", {}, "int8"), ("palettize", {"bits": 4}, "uint8")]
)
@pytest.mark.parametrize("sparse", [False, True])
def test_weights_that_are_unpacked_when_the_file_is_loaded_are_seen(tmp_path, scheme, params, stored, sparse) -> None:
    weight = np.random.default_rng(0).normal(size=(64, 40)).astype(np.float32)
    weight[np.abs(weight) < 2] *= not sparse
    file = write(tmp_path / "a.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")], {"w": weight})
    QUANTIZERS[scheme].quantize(file, tmp_path / "b.onnx", Calibration(list), params)
    onnx.save(shortened(onnx.load(tmp_path / "b.onnx")), tmp_path / "c.onnx")
    found = Graph.read(tmp_path / "c.onnx")
    assert found.layers == (Layer(stored, 40, 64 * 40, 0),)
    assert not found.integers


def test_a_kernel_of_palettes_by_output_channels_has_its_own_width(tmp_path) -> None:
    weight = np.random.default_rng(0).normal(size=(16, 24, 3, 3)).astype(np.float32)
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="layer")
    file = write(tmp_path / "a.onnx", [node], {"w": weight})
    QUANTIZERS["palettize"].quantize(file, tmp_path / "b.onnx", Calibration(list), {"bits": 4})
    assert Graph.read(tmp_path / "b.onnx").layers == (Layer("uint8", 24, weight.size, 0),)


def test_products_of_activations_are_no_layers(tmp_path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "z"], ["y"])]
    found = Graph.read(write(tmp_path / "a.onnx", nodes, {}, ("x", "z")))
    assert (found.layers, found.hidden_widths, found.sparsity) == ((), (), 0.0)


def test_weights_may_be_constants_and_the_last_width_is_the_output(tmp_path) -> None:
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(ones(4, 5)))
    nodes = [constant, *(helper.make_node("MatMul", [x, w], [y]) for x, w, y in (("x", "c", "h"), ("h", "w", "y")))]
    found = Graph.read(write(tmp_path / "a.onnx", nodes, {"w": ones(5, 3)}))
    assert [layer.width for layer in found.layers] == [5, 3]
    assert found.hidden_widths == (5,)


def test_activations_in_integers_are_noticed(tmp_path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["y"]),
    ]
    found = Graph.read(write(tmp_path / "a.onnx", nodes, {"w": ones(4, 6), "s": np.float32(1)}))
    assert found.integers
