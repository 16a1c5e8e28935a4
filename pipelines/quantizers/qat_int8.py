"""Quantization-aware training: the network learns to live with static int8's rounding before it is exported."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from torch import nn

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.parameters import (
    CALIBRATION_SIZE,
    GRANULARITY,
    KEEPING,
    NOT_FUSED_ON_CUDA,
    OPERATORS,
    keeps_none,
    refined,
)
from pipelines.quantizers.static_int8 import StaticInt8
from spaces import Parameter, Params


class QatInt8:
    """`StaticInt8`, with min-max ranges, of a network that was trained with that rounding.

    The training is a stage before the export (`pipelines.stages.qat`); the file holds true int8 operators and no trace
    of the training. It pays where static int8 loses accuracy: small networks, hard tasks. Which layers stay in floating
    point is measured after the training, in which all are rounded, so that recipes that differ in that share it.
    """

    name = "qat-int8"
    parameters: tuple[Parameter, ...] = (GRANULARITY, OPERATORS, CALIBRATION_SIZE, *KEEPING)
    declares = Declaration(formats=("onnx",), unsuited=(NOT_FUSED_ON_CUDA,), knows_structure=keeps_none)
    aware = True

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        StaticInt8().quantize(source, target, calibration, {**params, "calibrator": "minmax"}, keep)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return refined(self.name, params, self.parameters)
