from pathlib import Path

import onnx

from pipelines.quantizers import DynamicInt8


def test_it_needs_no_calibration_data(exported, tmp_path: Path) -> None:
    def calibration() -> list:
        raise LookupError("not asked for")

    DynamicInt8().quantize(exported.file, tmp_path / "model.onnx", calibration, {})
    operators = {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert {"DynamicQuantizeLinear", "ConvInteger"} <= operators
    assert "Conv" not in operators
