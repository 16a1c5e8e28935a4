"""Sensitivity: which layers of the exported file quantization would hurt most."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.formats import FORMATS
from pipelines.onnxfile.layers import nodes_of
from pipelines.quantizers import QUANTIZERS, Calibration
from pipelines.quantizers.mitigations import mitigate
from pipelines.quantizers.sensitivity import EXAMPLES, layer_sensitivity
from pipelines.stages.stage import Form
from pipelines.training.context import Context
from spaces import Params

SENSITIVITY = "sensitivity.json"
"""The loss of each layer by its name; see `layer_sensitivity`."""


class QuantizationSensitivity:
    """Measure what each layer of the parent's ONNX file loses to the recipe's scheme, and hand the file on.

    It is a stage of its own because it takes one quantization for each layer, and recipes that differ only in how many
    layers they keep in floating point share it.
    """

    name = "quantization-sensitivity"
    form: Form = "file"
    version = 6
    libraries: tuple[str, ...] = ("onnx", "onnxruntime", "scikit-learn")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return {"examples": EXAMPLES, **context.exclude.settings("quantization")}

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        given = FORMATS[context.format]
        given.prepare(parent / given.file, out / given.file)
        quantizer = QUANTIZERS[str(params["scheme"])]
        calibration = Calibration.of(context.task, params, context.lease.give_way)
        mitigate(out / given.file, params, calibration)
        losses = layer_sensitivity(out / given.file, quantizer, calibration, params)
        kept = nodes_of(out / given.file, context.exclude.of("quantization"))
        losses = {name: loss for name, loss in losses.items() if name not in kept}
        (out / SENSITIVITY).write_text(json.dumps(losses, indent=1), encoding="utf-8")
