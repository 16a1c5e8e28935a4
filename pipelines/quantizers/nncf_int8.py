"""NNCF's post-training int8, for OpenVINO; comes with the extra `openvino`."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path

import onnx

from pipelines.errors import TrialFailed
from pipelines.extra import missing, without_telemetry
from pipelines.runtimes import Feed
from spaces import Parameter, Params


class NncfInt8:
    """8-bit weights per channel and activations, placed where OpenVINO has integer kernels, with biases corrected.

    The result is an ONNX file in QDQ form. Source: A. Kozlov et al., "Neural Network Compression Framework for fast
    model inference", 2020, and the documentation of NNCF, "Post-training quantization".
    """

    name = "nncf-int8"
    parameters: tuple[Parameter, ...] = ()
    runtimes: tuple[str, ...] = ("openvino",)
    packages: tuple[str, ...] = ("nncf",)

    def quantize(self, source: Path, target: Path, calibration: Callable[[], Iterable[Feed]], params: Params) -> None:
        """See `Quantizer.quantize`."""
        if problem := missing(self.packages):
            raise TrialFailed(f"{self.name} {problem}")
        batches = list(calibration())
        if not batches:
            raise TrialFailed("the calibration split has no batches")
        without_telemetry()
        with redirect_stdout(io.StringIO()):  # where its progress and remarks go
            import nncf

            # A sample is a batch, of whatever size.
            options = {"subset_size": len(batches), "target_device": nncf.TargetDevice.CPU}
            try:
                model = nncf.quantize(onnx.load(source), nncf.Dataset(batches), **options)
            except (nncf.UnsupportedModelError, nncf.ValidationError, nncf.InternalError) as error:
                raise TrialFailed(f"NNCF cannot quantize the file: {error}") from error
        onnx.save(model, target)
