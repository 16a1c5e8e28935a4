"""TF32: products of single precision with 10 bits after the point, as NVIDIA's GPUs have them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from torch import nn

from pipelines.declaration import Declaration, Unsuited, always
from pipelines.onnxfile.layers import no_weights
from pipelines.quantizers.calibration import Calibration
from pipelines.runtimes import TorchProgram
from spaces import Parameter, Params


class Tf32:
    """Convolutions and matrix products in TF32; all numbers are kept in single precision, so that size stays.

    The file says so, and whoever loads it sets it: PyTorch's own default differs between products and convolutions.
    Source: NVIDIA, "NVIDIA A100 Tensor Core GPU Architecture", 2020.
    """

    name = "tf32"
    parameters: tuple[Parameter, ...] = ()
    declares = Declaration(
        formats=("torch-export",),
        knows_structure=always,
        improves=("latency_ms", "latency_ratio", "throughput", "energy_mj"),
        unsuited=(Unsuited("changes how NVIDIA's GPUs multiply, and nothing elsewhere", device="cpu"),),
    )
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        replace(TorchProgram.read(source), tf32=True).write(target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return self.name
