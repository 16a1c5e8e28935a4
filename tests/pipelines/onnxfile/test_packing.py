from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from pipelines.onnxfile.optimized_graph import operators
from pipelines.onnxfile.packing import DOMAIN, Packed, dense, functions, pack, sparse


def unpacked(packed: Packed, file: Path) -> np.ndarray:
    """What ONNX Runtime makes of `packed`, from a file whose only other operator adds the input."""
    constants = [numpy_helper.from_array(array, name) for name, array in packed.inputs.items()]
    nodes = [
        helper.make_node(packed.function, list(packed.inputs), ["weight"], domain=DOMAIN),
        helper.make_node("Add", ["input", "weight"], ["output"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("input", "output")]
    imports = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)]
    graph = helper.make_graph(nodes, "graph", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=imports, functions=functions([packed.function]), ir_version=8)
    save(model, file)
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.zeros((), dtype=np.float32)})[0]


def test_codes_lie_bit_by_bit_in_their_bytes() -> None:
    # 5-bit codes 1, 2 and 3 from the lowest bit up: 00001, 00010, 00011.
    assert pack(np.array([1, 2, 3]), 5).tolist() == [[0b010_00001, 0b0_00011_00, 0, 0, 0]]
    assert pack(np.arange(9), 4).tolist() == [[0x10, 0x32, 0x54, 0x76], [0x08, 0, 0, 0]]


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize(
    ("shape", "rows"), [((3, 5), 3), ((5, 4, 2, 3), 2)], ids=["matrix, one codebook", "kernel, the last one for a rest"]
)
def test_onnx_runtime_unpacks_every_width_when_it_loads_the_file(
    tmp_path: Path, bits: int, shape: tuple[int, ...], rows: int
) -> None:
    random = np.random.default_rng(bits)
    codes, codebooks = random.integers(0, 2**bits, shape), random.normal(size=(3, 2**bits)).astype(np.float32)
    packed = dense(codes, codebooks, bits, rows)
    expected = [codebooks[row // rows][codes[row]] for row in range(len(codes))]
    np.testing.assert_array_equal(unpacked(packed, tmp_path / "model.onnx"), expected)
    assert operators(tmp_path / "model.onnx") == {"Add": 1}


@pytest.mark.parametrize("density", [0.0, 0.002, 0.05, 0.5, 1.0])
def test_sparse_codes_come_back_in_their_places(tmp_path: Path, density: float) -> None:
    random = np.random.default_rng(0)
    codes = np.where(random.random((50, 40)) < density, random.integers(1, 16, (50, 40)), 0)
    codebooks = np.concatenate([np.zeros((4, 1)), random.normal(size=(4, 15))], axis=1).astype(np.float32)
    packed = sparse(codes, codebooks, 4, 15)
    expected = [codebooks[row // 15][codes[row]] for row in range(len(codes))]
    np.testing.assert_array_equal(unpacked(packed, tmp_path / "model.onnx"), expected)
    assert operators(tmp_path / "model.onnx") == {"Add": 1}


def test_long_gaps_are_bridged(tmp_path: Path) -> None:
    codes = np.zeros((1, 1000), dtype=np.int64)
    codes[0, [0, 1, 999]] = [1, 2, 3]
    codebook = np.array([[0, 1, 2, 3]], dtype=np.float32)
    packed = sparse(codes, codebook, 4, 1)
    # A gap has at most 8 bits, so the 997 zeros take three bridges of 256 places each.
    assert packed.function == "Sparse4_8"
    assert packed.inputs["count"].tolist() == [6]
    np.testing.assert_array_equal(unpacked(packed, tmp_path / "model.onnx"), codes)


def test_sizes_are_counted_in_bytes() -> None:
    codes, codebook = np.zeros((10, 8), dtype=np.int64), np.zeros((1, 16), dtype=np.float32)
    assert dense(codes, codebook, 4, 10).size_bytes == 40 + 64 + 16 + 4
    codes[0, :2] = 1
    packed = sparse(codes, codebook, 4, 10)
    assert packed.size_bytes == 4 + 2 + 64 + 16 + 4 + 8  # two codes and their gaps, each in a group of eight
