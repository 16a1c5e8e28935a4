from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from pipelines.noise import noise_share
from pipelines.onnxfile.coverage import Coverage, int8_coverage
from pipelines.quantizers import Calibration, DynamicInt8
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed


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


class _Experts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.experts, self.head = nn.Parameter(torch.randn(3, 16, 32)), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((x[:, None] @ self.experts).relu().mean((1, 2)))


def test_a_product_with_several_matrices_at_once_becomes_integers(export: Callable, tmp_path: Path) -> None:
    torch.manual_seed(0)
    examples, file = torch.randn(4, 5, 16), tmp_path / "model.onnx"
    source = export(_Experts().eval(), examples[:1])
    DynamicInt8().quantize(source, file, Calibration(lambda: [examples]), {})
    runs = [OnnxRuntime().load(Artifact(each, "onnx"), Target()).run(to_feed(examples)) for each in (source, file)]
    assert noise_share(runs[1], runs[0]) < 0.01
    assert int8_coverage(file) == Coverage(int8=2, floating=0, unfused=0)
