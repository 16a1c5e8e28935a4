from collections.abc import Callable
from pathlib import Path

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
