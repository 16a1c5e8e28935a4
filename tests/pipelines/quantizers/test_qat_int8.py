from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines.quantizers import Calibration, QatInt8, StaticInt8

IMAGES = torch.linspace(0, 1, 20 * 64).view(20, 1, 8, 8)
CALIBRATION = Calibration(lambda: IMAGES.split(8))


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_its_file_is_that_of_static_int8_with_ranges_by_minmax(exported, tmp_path: Path, granularity: str) -> None:
    one, other = tmp_path / "qat.onnx", tmp_path / "static.onnx"
    params = {"granularity": granularity}
    QatInt8().quantize(exported.file, one, CALIBRATION, {**params, "calibrator": "entropy"})
    StaticInt8().quantize(exported.file, other, CALIBRATION, {**params, "calibrator": "minmax"})
    assert one.read_bytes() == other.read_bytes()


def test_a_network_without_weights_is_told_beforehand(fresh_cnn) -> None:
    assert QatInt8().problem(fresh_cnn()) is None
    assert QatInt8().problem(nn.Flatten()) is not None
