"""Weights and multiplications, counted by hand."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
from torch import nn

from pipelines.onnxfile.graph import Graph

IMAGE = {"input": np.zeros((1, 1, 8, 8), np.float32)}
CNN_WEIGHTS = (16 * 9 + 16) + (16 * 16 * 9 + 16) + (64 * 2 + 2)
CNN_MACS = 64 * 16 * 9 + 64 * 16 * 16 * 9 + 64 * 2


class One(CalibrationDataReader):
    def __init__(self) -> None:
        self._feeds = iter([{"input": np.random.default_rng(0).random((1, 1, 8, 8), np.float32)}])

    def get_next(self):
        return next(self._feeds, None)


def to_onnx(model: nn.Module, example: torch.Tensor, path: Path) -> Path:
    names = {"input_names": ["input"], "output_names": ["output"]}
    axes = {"input": {0: "batch"}, "output": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(), (example,), str(path), dynamo=False, opset_version=18, dynamic_axes=axes, **names
        )
    return path


@pytest.fixture
def cnn(fresh_cnn, tmp_path: Path) -> Path:
    """Two convolutions with folded batch norms, pooling to 2×2, a linear layer."""
    return to_onnx(fresh_cnn(depth=2, width=16), torch.zeros(1, 1, 8, 8), tmp_path / "cnn.onnx")


def test_a_convolutional_network(cnn: Path) -> None:
    graph = Graph(cnn, IMAGE)
    assert (graph.parameters(), graph.macs()) == (CNN_WEIGHTS, CNN_MACS)


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
def test_static_int8_has_the_same_weights_and_work(cnn: Path, tmp_path: Path, per_channel: bool) -> None:
    types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(cnn, tmp_path / "int8.onnx", One(), per_channel=per_channel, **types)
    graph = Graph(tmp_path / "int8.onnx", IMAGE)
    assert (graph.parameters(), graph.macs()) == (CNN_WEIGHTS, CNN_MACS)


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
def test_dynamic_int8_has_the_same_weights_and_work(cnn: Path, tmp_path: Path, per_channel: bool) -> None:
    quantize_dynamic(cnn, tmp_path / "int8.onnx", weight_type=QuantType.QUInt8, per_channel=per_channel)
    graph = Graph(tmp_path / "int8.onnx", IMAGE)
    assert (graph.parameters(), graph.macs()) == (CNN_WEIGHTS, CNN_MACS)


def test_groups_strides_and_transposed_convolutions(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), nn.ConvTranspose2d(8, 6, 2, stride=2))
    file = to_onnx(model, torch.zeros(1, 4, 8, 8), tmp_path / "model.onnx")
    graph = Graph(file, {"input": np.zeros((1, 4, 8, 8), np.float32)})
    assert graph.parameters() == (8 * 2 * 9 + 8) + (8 * 6 * 4 + 6)
    # Each of 4×4 outputs of 8 channels takes 2×9; each of 4×4 inputs of 8 channels gives 6×4.
    assert graph.macs() == 16 * 8 * 18 + 16 * 8 * 24


def test_attention_multiplies_what_it_makes_itself(tmp_path: Path) -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(50, 16)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.head = nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.layer(self.embedding(x)).mean(1))

    torch.manual_seed(0)
    model = Network()
    for parameter in model.parameters():  # no two alike, which an exporter would store once
        nn.init.normal_(parameter)
    graph = Graph(
        to_onnx(model, torch.zeros(1, 7, dtype=torch.int64), tmp_path / "model.onnx"),
        {"input": np.zeros((1, 7), np.int64)},
    )
    assert graph.parameters() == sum(p.numel() for p in model.parameters())
    projections, attention, feed_forward = 7 * 16 * 64, 2 * 2 * 7 * 7 * 8, 2 * 7 * 16 * 32
    assert graph.macs() == projections + attention + feed_forward + 16 * 3


def save(path: Path, nodes: list, constants: dict[str, np.ndarray], width: int) -> Path:
    float_input = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", width])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "graph", [float_input], [output], initializers)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    return path


def test_a_palette_counts_its_indices_and_not_its_colours(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gather", ["palette", "indices"], ["weight"]),
        helper.make_node("MatMul", ["input", "weight"], ["output"]),
    ]
    constants = {"palette": np.zeros(4, np.float32), "indices": np.zeros((6, 5), np.int64)}
    graph = Graph(save(tmp_path / "m.onnx", nodes, constants, 6), {"input": np.zeros((1, 6), np.float32)})
    assert (graph.parameters(), graph.macs()) == (30, 30)


def test_factors_and_shapes_are_no_weights(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Mul", ["input", "factor"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["reshaped"]),
        helper.make_node("Add", ["reshaped", "bias"], ["output"]),
    ]
    constants = {
        "factor": np.full(1, 0.5, np.float32),
        "shape": np.array([-1, 3, 2], np.int64),
        "bias": np.zeros(2, np.float32),
    }
    graph = Graph(save(tmp_path / "m.onnx", nodes, constants, 6), {"input": np.zeros((1, 6), np.float32)})
    assert (graph.parameters(), graph.macs()) == (2, 0)


def test_packed_4_bit_weights_count_as_what_they_stand_for(tmp_path: Path) -> None:
    form = {"domain": "com.microsoft", "K": 32, "N": 8, "bits": 4, "block_size": 16}
    node = helper.make_node("MatMulNBits", ["input", "packed", "scales"], ["output"], **form)
    constants = {"packed": np.zeros((8, 2, 8), np.uint8), "scales": np.ones((8, 2), np.float32)}
    graph = Graph(save(tmp_path / "m.onnx", [node], constants, 32), {"input": np.zeros((1, 32), np.float32)})
    assert (graph.parameters(), graph.macs()) == (32 * 8, 32 * 8)


def test_4_bit_tables_count_their_numbers_and_not_their_scales(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["input"], ["tokens"], to=TensorProto.INT64),
        helper.make_node("GatherBlockQuantized", ["table", "tokens", "scales"], ["output"], domain="com.microsoft"),
    ]
    constants = {"table": np.zeros((10, 32), np.uint8), "scales": np.ones((10, 1), np.float32)}
    graph = Graph(save(tmp_path / "m.onnx", nodes, constants, 6), {"input": np.zeros((1, 6), np.float32)})
    assert graph.parameters() == 320


def test_recurrences_in_8_bits_count_their_weights_and_not_their_scales(tmp_path: Path) -> None:
    names = ["w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"]
    node = helper.make_node("DynamicQuantizeLSTM", ["input", *names], ["output"], domain="com.microsoft", hidden_size=4)
    shapes = {"w": (1, 6, 16), "r": (1, 4, 16), "b": (1, 32)}
    constants = {name: np.zeros(shape, np.float32 if name == "b" else np.uint8) for name, shape in shapes.items()}
    constants |= {name: np.ones((1, 16), np.float32) for name in ("ws", "rs")}
    constants |= {name: np.zeros((1, 16), np.uint8) for name in ("wz", "rz")}
    graph = Graph(save(tmp_path / "m.onnx", [node], constants, 6), {"input": np.zeros((1, 6), np.float32)})
    assert graph.parameters() == 6 * 16 + 4 * 16 + 32


def test_shapes_that_nobody_can_tell_are_no_zero(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Unheard", ["input"], ["hidden"], domain="com.microsoft"),
        helper.make_node("MatMul", ["hidden", "weight"], ["output"]),
    ]
    graph = Graph(
        save(tmp_path / "m.onnx", nodes, {"weight": np.zeros((6, 5), np.float32)}, 6),
        {"input": np.zeros((1, 6), np.float32)},
    )
    assert graph.parameters() == 30
    with pytest.raises(LookupError, match="the shapes of hidden, output cannot be found out: "):
        graph.macs()


class Called(nn.Module):
    """Parts, and how they are called."""

    def __init__(self, call, **parts: nn.Module) -> None:
        super().__init__()
        self.call = call
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self, x)


@torch.jit.script
def repeated(x: torch.Tensor, weight: torch.Tensor, times: int) -> torch.Tensor:
    for _ in range(times):
        x = torch.relu(x @ weight)
    return x


TOKENS, IDS = torch.zeros(1, 5, 8), torch.zeros(1, 5, dtype=torch.long)

COUNTED = {  # the network, its input, parameters, and multiplications for five tokens
    "lstm": (lambda: nn.LSTM(8, 16, batch_first=True), TOKENS, 64 * 8 + 64 * 16 + 128, 5 * (64 * 8 + 64 * 16)),
    "gru": (lambda: nn.GRU(8, 16, batch_first=True), TOKENS, 48 * 8 + 48 * 16 + 96, 5 * (48 * 8 + 48 * 16)),
    "rnn of two directions": (
        lambda: nn.RNN(8, 16, batch_first=True, bidirectional=True), TOKENS, 2 * (16 * 8 + 16 * 16 + 32),
        5 * 2 * (16 * 8 + 16 * 16),
    ),
    "einsum": (
        lambda: Called(lambda s, x: torch.einsum("btc,dc->btd", x, s.w.weight), w=nn.Linear(8, 16, bias=False)),
        TOKENS, 16 * 8, 5 * 16 * 8,
    ),
    "einsum of activations": (
        lambda: Called(lambda s, x: torch.einsum("...tc,...sc->...ts", x, x)), TOKENS, 0, 5 * 5 * 8,
    ),
    "loop": (
        lambda: Called(lambda s, x: repeated(x, s.w.weight, 3), w=nn.Linear(8, 8, bias=False)),
        TOKENS, 8 * 8, 3 * 5 * 8 * 8,
    ),
    "bag": (lambda: nn.EmbeddingBag(50, 16, mode="mean"), IDS, 50 * 16, 0),
}  # fmt: skip


@pytest.mark.parametrize(("make", "example", "parameters", "macs"), COUNTED.values(), ids=COUNTED)
def test_recurrences_sums_and_loops(make, example: torch.Tensor, parameters: int, macs: int, tmp_path: Path) -> None:
    def call(own: Called, x: torch.Tensor) -> torch.Tensor:
        found = own.part(x)
        return found[0] if isinstance(found, tuple) else found

    graph = Graph(to_onnx(Called(call, part=make()), example, tmp_path / "a.onnx"), {"input": example.numpy()})
    assert (graph.parameters(), graph.macs()) == (parameters, macs)


def test_one_array_in_two_forms_is_one_weight(tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.ones((50, 8), np.float32), "table")
    nodes = [
        helper.make_node("Gather", ["table", "input"], ["h"]),
        helper.make_node("Transpose", ["table"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["h", "turned"], ["output"]),
    ]
    given = helper.make_tensor_value_info("input", TensorProto.INT64, [1, 5])
    made = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 5, 50])
    graph = helper.make_graph(nodes, "tied", [given], [made], [table])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "a.onnx")
    found = Graph(tmp_path / "a.onnx", {"input": IDS.numpy()})
    assert (found.parameters(), found.macs()) == (50 * 8, 5 * 50 * 8)
