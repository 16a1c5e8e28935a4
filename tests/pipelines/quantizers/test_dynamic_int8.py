from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, numpy_helper

from pipelines.onnxfile.coverage import Coverage, int8_coverage
from pipelines.quantizers import DynamicInt8


def test_every_layer_is_executed_in_int8(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("residual"), tmp_path / "model.onnx"
    DynamicInt8().quantize(given.file, file, given.calibration, {})
    assert int8_coverage(file) == Coverage(int8=3, floating=0, unfused=0)


def test_a_layer_that_is_kept_is_not(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("residual"), tmp_path / "model.onnx"
    DynamicInt8().quantize(given.file, file, given.calibration, {}, keep=["/head/Gemm", "/stem/stem.0/Conv"])
    assert int8_coverage(file) == Coverage(int8=1, floating=2, unfused=0)


def test_weights_of_products_are_signed_and_those_of_convolutions_unsigned(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("residual"), tmp_path / "model.onnx"
    DynamicInt8().quantize(given.file, file, given.calibration, {})
    graph = onnx.load(file).graph
    weights = {weight.name: weight for weight in graph.initializer}
    used = {node.op_type: weights[node.input[1]] for node in graph.node if node.op_type.endswith("Integer")}
    assert used["ConvInteger"].data_type == TensorProto.UINT8
    assert used["MatMulInteger"].data_type == TensorProto.INT8
    # 7 bits: two products of an activation and a weight must fit in 16 bits.
    assert 2 * 255 * abs(numpy_helper.to_array(used["MatMulInteger"]).astype(int)).max() < 2**15


def test_products_have_a_scale_for_each_output(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("linear"), tmp_path / "model.onnx"
    DynamicInt8().quantize(given.file, file, given.calibration, {})
    scales = [i.dims[0] for i in onnx.load(file).graph.initializer if i.name.endswith("_scale") and i.dims]
    assert sorted(scales) == [4, 256, 256]
