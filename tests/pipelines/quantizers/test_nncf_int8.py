from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pipelines import extra
from pipelines.errors import TrialFailed
from pipelines.formats.onnx_format import MODEL
from pipelines.quantizers import Calibration, NncfInt8
from pipelines.stages import Quantize
from pipelines.training.context import Context


@pytest.fixture
def calibration(context: Context) -> Calibration:
    return Calibration.of(context.task, {})


def test_every_weight_of_the_network_is_stored_in_8_bits(exported, calibration, tmp_path: Path) -> None:
    NncfInt8().quantize(exported.file, tmp_path / MODEL, calibration, {})
    weights = [tensor for tensor in onnx.load(tmp_path / MODEL).graph.initializer if len(tensor.dims) > 1]
    assert len(weights) == 3  # two convolutions and the last layer
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.INT8}


@pytest.mark.parametrize("network", ["linear", "residual", "transformer"])
def test_products_of_weights_and_activations_do_not_overflow_16_bits(
    network: str, prepared: Callable, tmp_path: Path
) -> None:
    """Processors without VNNI add them in pairs in 16 bits; those that have it never show what was cut off."""
    given = prepared(network)
    NncfInt8().quantize(given.file, tmp_path / MODEL, given.calibration, {})
    weights = {
        tensor.name: numpy_helper.to_array(tensor).astype(int)
        for tensor in onnx.load(tmp_path / MODEL).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1 and "embedding" not in tensor.name
    }
    assert len(weights) >= 3
    assert max(2 * 255 * np.abs(weight).max() for weight in weights.values()) < 2**15


def test_it_is_silent(exported, calibration, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    NncfInt8().quantize(exported.file, tmp_path / MODEL, calibration, {})
    assert capfd.readouterr().out == ""


def test_no_calibration_data_fails_the_trial(exported, tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="the calibration split has no batches"):
        NncfInt8().quantize(exported.file, tmp_path / MODEL, Calibration(lambda: []), {})


def test_its_version_is_in_the_key(context: Context) -> None:
    assert Quantize().settings({"scheme": "nncf-int8"}, context)["nncf"] == version("nncf")
    assert "nncf" not in Quantize().settings({"scheme": "static-int8"}, replace(context))


def test_without_its_package_it_says_what_to_install(
    exported, calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise extra.PackageNotFoundError(name)

    monkeypatch.setattr(extra, "version", absent)
    with pytest.raises(TrialFailed, match=r"nncf-int8 needs the package nncf, .* pip install -e '\.\[openvino\]'"):
        NncfInt8().quantize(exported.file, tmp_path / MODEL, calibration, {})
