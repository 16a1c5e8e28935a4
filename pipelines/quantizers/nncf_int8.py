"""NNCF's post-training int8, for OpenVINO; comes with the extra `openvino`."""

from __future__ import annotations

import io
from collections.abc import Collection
from contextlib import redirect_stdout
from pathlib import Path

import onnx
from torch import nn

from pipelines.declaration import Declaration
from pipelines.errors import TrialFailed
from pipelines.extra import missing, without_telemetry
from pipelines.onnxfile.layers import no_weights
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.parameters import CALIBRATION_SIZE, KEEPING, refined
from spaces import Parameter, Params


class NncfInt8:
    """8-bit weights per channel and activations, placed where OpenVINO has integer kernels, with biases corrected.

    The result is an ONNX file in QDQ form. Weights of products use 7 of their 8 bits, for the reason that `StaticInt8`
    gives; left to itself NNCF does so in the first layer only. Source: A. Kozlov et al., "Neural Network Compression
    Framework for fast model inference", 2020, and the documentation of NNCF, "Post-training quantization".
    """

    name = "nncf-int8"
    parameters: tuple[Parameter, ...] = (CALIBRATION_SIZE, *KEEPING)
    declares = Declaration(formats=("onnx",), runtimes=("openvino",), packages=("nncf",))
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        if problem := missing(self.declares.packages):
            raise TrialFailed(f"{self.name} {problem}")
        batches = list(calibration.feeds())
        without_telemetry()
        with redirect_stdout(io.StringIO()):  # where its progress and remarks go
            import nncf

            options = {
                "subset_size": len(batches),  # a sample is a batch, of whatever size
                "target_device": nncf.TargetDevice.CPU,
                "advanced_parameters": nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
            }
            if keep:
                options["ignored_scope"] = nncf.IgnoredScope(names=list(keep))
            try:
                model = nncf.quantize(onnx.load(source), nncf.Dataset(batches), **options)
            except (nncf.UnsupportedModelError, nncf.ValidationError, nncf.InternalError) as error:
                raise TrialFailed(f"NNCF cannot quantize the file: {error}") from error
        onnx.save(model, target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return refined(self.name, params, self.parameters)
