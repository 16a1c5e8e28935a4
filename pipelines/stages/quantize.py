"""Quantization: the exported file gets fewer bits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.extra import versions
from pipelines.formats import FORMATS
from pipelines.onnxfile.layers import numbers
from pipelines.quantizers import QUANTIZERS, Calibration
from pipelines.quantizers.parameters import KEEP_FLOAT
from pipelines.quantizers.sensitivity import most_sensitive
from pipelines.quantizers.smoothing import mitigate
from pipelines.stages.listening import BEFORE, listening_label, listening_parameters
from pipelines.stages.qat import QuantizationAwareTraining
from pipelines.stages.quantization_sensitivity import SENSITIVITY, QuantizationSensitivity
from pipelines.stages.stage import NOTE, Form, Stage
from pipelines.stages.technique import gains_of, rules_of, switched
from pipelines.training.context import Context
from spaces import NONE, Params, Rule, StepSpec, When

AWARE = tuple(name for name, quantizer in QUANTIZERS.items() if quantizer.aware)
"""The schemes before which the network is trained with rounding."""

SAME_TEACHER = Rule(
    "the network before the step is the uncompressed teacher",
    when=(
        When("quantization.teacher", (BEFORE,)),
        When("student.depth", (NONE,)),
        When("pruning.method", (NONE,)),
    ),
)

QUANTIZE = StepSpec(
    "quantize",
    (
        *switched("quantization.scheme", QUANTIZERS, help="how weights and activations are stored"),
        *listening_parameters("quantization", When("quantization.scheme", AWARE)),
    ),
    label=lambda p: QUANTIZERS[str(p["scheme"])].label(p) + listening_label(p),
    gives="file",
    rules=(*rules_of("quantization.scheme", QUANTIZERS), SAME_TEACHER),
    gains=gains_of("quantization.scheme", QUANTIZERS),
)


class Quantize:
    """Quantize the parent's file with the scheme of the recipe."""

    name = "quantize"
    form: Form = "file"
    version = 7
    libraries: tuple[str, ...] = ("onnx", "onnxruntime", "scikit-learn")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        scheme = str(params.get("scheme"))
        return versions(QUANTIZERS[scheme].declares.packages) if scheme in QUANTIZERS else {}

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        given, quantizer = FORMATS[context.format], QUANTIZERS[str(params["scheme"])]
        if given.name not in quantizer.declares.formats:  # a sweep's file is made for another target than the sweep's
            works_on = " and ".join(FORMATS[name].title for name in quantizer.declares.formats)
            raise TrialFailed(f"{quantizer.name} works on {works_on} files, and the target executes {given.title}")
        prepared, result = out / f"prepared-{given.file}", out / given.file
        given.prepare(parent / given.file, prepared)
        calibration = Calibration.of(context.task, params, context.lease.give_way)
        mitigate(prepared, params, calibration)
        try:
            quantizer.quantize(prepared, result, calibration, params, _kept(parent, params))
            if given.name == "onnx" and numbers(result) == numbers(prepared):
                raise UnchangedError("no layer of this network suits it")
        except UnchangedError as error:
            prepared.replace(result)
            (out / NOTE).write_text(f"{quantizer.name} changed nothing: {error.reason}", encoding="utf-8")
        prepared.unlink(missing_ok=True)


def _kept(parent: Path, params: Params) -> list[str]:
    """The layers that stay in floating point."""
    if not params.get(KEEP_FLOAT.key):
        return []
    losses = json.loads((parent / SENSITIVITY).read_text(encoding="utf-8"))
    return most_sensitive(losses, float(params[KEEP_FLOAT.key]))


def quantization(params: Params) -> Sequence[tuple[Stage, Params]]:
    """The stages of the step with `params`: quantization itself, and before it what its scheme asks for."""
    stages: list[tuple[Stage, Params]] = [(Quantize(), params)]
    if params.get(KEEP_FLOAT.key):
        shared = {key: value for key, value in params.items() if key != KEEP_FLOAT.key}
        stages.insert(0, (QuantizationSensitivity(), shared))
    if QUANTIZERS[str(params["scheme"])].aware:
        stages.insert(0, (QuantizationAwareTraining(), params))
    return stages
