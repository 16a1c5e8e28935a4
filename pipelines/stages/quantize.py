"""Quantization: the exported file gets fewer bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from onnxruntime.quantization.shape_inference import quant_pre_process

from pipelines.context import Context
from pipelines.extra import missing
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import Feed, to_feed
from pipelines.stages.stage import MODEL, Form
from pipelines.stages.technique import switched
from spaces import Params, StepSpec

QUANTIZE = StepSpec(
    "quantize",
    switched("quantization.scheme", QUANTIZERS, help="how weights and activations are stored"),
    label=lambda p: "·".join(str(p[key]) for key in ("scheme", "calibrator", "granularity") if p.get(key)),
)


class Quantize:
    """Quantize the parent's ONNX file with the scheme of the recipe."""

    name = "quantize"
    form: Form = "file"
    version = 2
    libraries: tuple[str, ...] = ("onnx", "onnxruntime")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        packages = getattr(QUANTIZERS.get(str(params.get("scheme"))), "packages", ())
        return {name: version(name) for name in packages if missing([name]) is None}

    def run(self, parents: tuple[Path, ...], out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""

        def calibration() -> Iterator[Feed]:
            for inputs, _ in context.task.batches("calibration"):
                yield to_feed(inputs)

        prepared = out / "prepared.onnx"
        quant_pre_process(parents[-1] / MODEL, prepared, skip_symbolic_shape=True)
        QUANTIZERS[str(params["scheme"])].quantize(prepared, out / MODEL, calibration, params)
        prepared.unlink()
