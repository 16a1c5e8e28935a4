"""Quantization: the exported file gets fewer bits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.extra import versions
from pipelines.formats import FORMATS
from pipelines.onnxfile.layers import nodes_of
from pipelines.quantizers import QUANTIZERS, Calibration, Quantizer
from pipelines.quantizers.mitigations import mitigate
from pipelines.quantizers.parameters import AGREEMENT, KEEP_FLOAT, KEEPING
from pipelines.quantizers.quantizer import WHOLE_NETWORK, leaves_layers
from pipelines.quantizers.sensitivity import fewest_kept, most_sensitive, ranked, same_answers
from pipelines.stages.listening import BEFORE, listening_label, listening_parameters
from pipelines.stages.qat import QuantizationAwareTraining
from pipelines.stages.quantization_sensitivity import SENSITIVITY, QuantizationSensitivity
from pipelines.stages.stage import Form, Stage
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
    version = 9
    libraries: tuple[str, ...] = ("onnx", "onnxruntime", "scikit-learn")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        scheme = str(params.get("scheme"))
        used = versions(QUANTIZERS[scheme].declares.packages) if scheme in QUANTIZERS else {}
        return {**used, **context.exclude.settings("quantization")}

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
            excluded = _excluded(prepared, quantizer, context)

            def agreement(keep: list[str]) -> float:
                quantizer.quantize(prepared, result, calibration, params, [*keep, *excluded])
                return same_answers(prepared, result, calibration)

            keep = _kept(parent, params, agreement)
            quantizer.quantize(prepared, result, calibration, params, [*keep, *excluded])
            if (left := given.numbers(result)) is not None and left == given.numbers(prepared):
                raise UnchangedError("no layer of this network suits it")
            if params.get(AGREEMENT.key):
                context.note(f"kept in floating point: {', '.join(keep) or 'no layer'}")
        except UnchangedError as error:
            prepared.replace(result)
            context.note(f"{quantizer.name} changed nothing: {error.reason}")
        prepared.unlink(missing_ok=True)


def _kept(parent: Path, params: Params, agreement: Callable[[list[str]], float]) -> list[str]:
    """The layers that stay in floating point; `agreement` gives the share of right answers with some of them."""
    if not _keeps_some(params):
        return []
    losses = json.loads((parent / SENSITIVITY).read_text(encoding="utf-8"))
    keep, worst = most_sensitive(losses, float(params.get(KEEP_FLOAT.key, 0))), ranked(losses)
    if not (wanted := float(params.get(AGREEMENT.key, 0))):
        return keep
    return worst[: fewest_kept(len(keep), len(worst), wanted, lambda count: agreement(worst[:count]))]


def _keeps_some(params: Params) -> bool:
    return any(params.get(parameter.key) for parameter in KEEPING)


def _excluded(prepared: Path, quantizer: Quantizer, context: Context) -> list[str]:
    """The operators of the layers that the sweep's ``exclude`` names."""
    if not (exclude := context.exclude.of("quantization")).patterns:
        return []
    if not leaves_layers(quantizer):
        raise TrialFailed(f"{quantizer.name} {WHOLE_NETWORK}")
    return nodes_of(prepared, exclude)


def quantization(params: Params) -> Sequence[tuple[Stage, Params]]:
    """The stages of the step with `params`: quantization itself, and before it what its scheme asks for."""
    stages: list[tuple[Stage, Params]] = [(Quantize(), params)]
    keys = {parameter.key for parameter in KEEPING}
    shared = {key: value for key, value in params.items() if key not in keys}
    if _keeps_some(params):
        stages.insert(0, (QuantizationSensitivity(), shared))
    if QUANTIZERS[str(params["scheme"])].aware:
        stages.insert(0, (QuantizationAwareTraining(), shared))
    return stages
