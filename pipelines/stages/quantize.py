"""Quantization: the exported file gets fewer bits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.extra import versions
from pipelines.formats import FORMATS
from pipelines.quantizers import QUANTIZERS, Calibration
from pipelines.quantizers.parameters import KEEP_FLOAT
from pipelines.quantizers.sensitivity import most_sensitive
from pipelines.quantizers.smoothing import mitigate
from pipelines.stages.qat import QuantizationAwareTraining
from pipelines.stages.quantization_sensitivity import SENSITIVITY, QuantizationSensitivity
from pipelines.stages.stage import Form, Stage
from pipelines.stages.technique import gains_of, rules_of, switched
from pipelines.training.context import Context
from spaces import Params, StepSpec

QUANTIZE = StepSpec(
    "quantize",
    switched("quantization.scheme", QUANTIZERS, help="how weights and activations are stored"),
    label=lambda p: QUANTIZERS[str(p["scheme"])].label(p),
    gives="file",
    rules=rules_of("quantization.scheme", QUANTIZERS),
    gains=gains_of("quantization.scheme", QUANTIZERS),
)


class Quantize:
    """Quantize the parent's file with the scheme of the recipe."""

    name = "quantize"
    form: Form = "file"
    version = 6
    libraries: tuple[str, ...] = ("onnx", "onnxruntime", "scikit-learn")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        scheme = str(params.get("scheme"))
        return versions(QUANTIZERS[scheme].declares.packages) if scheme in QUANTIZERS else {}

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        keep: list[str] = []
        if params.get(KEEP_FLOAT.key):
            losses = json.loads((parent / SENSITIVITY).read_text(encoding="utf-8"))
            keep = most_sensitive(losses, float(params[KEEP_FLOAT.key]))
        given, quantizer = FORMATS[context.format], QUANTIZERS[str(params["scheme"])]
        prepared = out / f"prepared-{given.file}"
        given.prepare(parent / given.file, prepared)
        calibration = Calibration.of(context.task, params, context.lease.give_way)
        mitigate(prepared, params, calibration)
        quantizer.quantize(prepared, out / given.file, calibration, params, keep)
        prepared.unlink()


def quantization(params: Params) -> Sequence[tuple[Stage, Params]]:
    """The stages of the step with `params`: quantization itself, and before it what its scheme asks for."""
    stages: list[tuple[Stage, Params]] = [(Quantize(), params)]
    if params.get(KEEP_FLOAT.key):
        shared = {key: value for key, value in params.items() if key != KEEP_FLOAT.key}
        stages.insert(0, (QuantizationSensitivity(), shared))
    if QUANTIZERS[str(params["scheme"])].aware:
        stages.insert(0, (QuantizationAwareTraining(), params))
    return stages
