from pathlib import Path

from pipelines.onnxfile.coverage import Coverage, int8_coverage
from pipelines.onnxfile.optimized_graph import operators
from pipelines.quantizers import Calibration, StaticInt8


def test_a_floating_point_file_has_none(exported) -> None:
    assert int8_coverage(exported.file) == Coverage(int8=0, floating=3, unfused=0)


def test_ways_back_to_floating_point_are_counted_without_the_output(exported, context, tmp_path: Path) -> None:
    file, params = tmp_path / "model.onnx", {"calibrator": "minmax", "granularity": "channel"}
    calibration = Calibration.of(context.task, {})
    # In floating point, the second convolution gets its input from 8 bits and gives its output back to them.
    StaticInt8().quantize(exported.file, file, calibration, params, keep=["/3/Conv"])
    assert int8_coverage(file) == Coverage(int8=2, floating=1, unfused=1)
    assert operators(file)["DequantizeLinear"] == 1
