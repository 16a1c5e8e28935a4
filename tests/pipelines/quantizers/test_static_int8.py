from collections import Counter
from pathlib import Path

import onnx
import pytest
import torch
from onnx import numpy_helper

from pipelines.errors import TrialFailed
from pipelines.quantizers import StaticInt8
from pipelines.quantizers.static_int8 import METHODS
from pipelines.runtimes import OnnxRuntime, to_feed

IMAGES = torch.linspace(0, 1, 20 * 64).view(20, 1, 8, 8)


def quantize(source: Path, target: Path, **params: str) -> Path:
    feeds = [to_feed(batch) for batch in IMAGES.split(8)]
    StaticInt8().quantize(source, target, lambda: feeds, {"calibrator": "minmax", "granularity": "channel", **params})
    return target


@pytest.mark.parametrize("calibrator", METHODS)
def test_every_calibrator_takes_a_last_batch_that_is_smaller(exported, tmp_path: Path, calibrator: str) -> None:
    file = quantize(exported.file, tmp_path / "model.onnx", calibrator=calibrator)
    assert OnnxRuntime().load(file, threads=1).run(to_feed(IMAGES)).shape == (20, 2)


def test_activations_are_unsigned_and_weights_signed(exported, tmp_path: Path) -> None:
    graph = onnx.load(quantize(exported.file, tmp_path / "model.onnx")).graph
    zeros = {initializer.name: initializer.data_type for initializer in graph.initializer}
    operators = Counter(node.op_type for node in graph.node)
    assert {zeros[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"} == {onnx.TensorProto.UINT8}
    assert operators["Conv"] == 2
    weights = [i for i in graph.initializer if i.name.endswith("weight_quantized") or len(i.dims) == 4]
    assert {weight.data_type for weight in weights} == {onnx.TensorProto.INT8}


def test_products_of_weights_and_activations_do_not_overflow_16_bits(exported, tmp_path: Path) -> None:
    graph = onnx.load(quantize(exported.file, tmp_path / "model.onnx")).graph
    kernels = [numpy_helper.to_array(i) for i in graph.initializer if len(i.dims) == 4]
    assert max(2 * 255 * abs(kernel.astype(int)).max() for kernel in kernels) < 2**15


@pytest.mark.parametrize(("granularity", "scales"), [("channel", 32), ("tensor", 1)], ids=["channel", "tensor"])
def test_granularity_is_the_number_of_scales(exported, tmp_path: Path, granularity: str, scales: int) -> None:
    graph = onnx.load(quantize(exported.file, tmp_path / "model.onnx", granularity=granularity)).graph
    sizes = {i.name: max(1, *i.dims) if i.dims else 1 for i in graph.initializer}
    kernels = {i.name for i in graph.initializer if len(i.dims) == 4}
    found = [sizes[n.input[1]] for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in kernels]
    assert found == [scales, scales]


def test_no_calibration_data_fails_the_trial(exported, tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="the calibration split has no batches"):
        StaticInt8().quantize(
            exported.file, tmp_path / "model.onnx", lambda: [], {"calibrator": "minmax", "granularity": "channel"}
        )
