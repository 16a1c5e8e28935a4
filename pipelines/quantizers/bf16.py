"""bfloat16: 16 bits per number, with the range of single precision."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
from torch import nn

from pipelines.declaration import Declaration, always
from pipelines.onnxfile.layers import no_weights
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.narrowed_program import narrowed
from pipelines.runtimes import TorchProgram
from spaces import Parameter, Params


class Bf16:
    """Weights and activations in bfloat16; inputs and outputs stay in single precision.

    It halves the file. Beside `Fp16` it has fewer digits and nothing overflows. ONNX Runtime has few operators for it,
    so it is for programs of ``torch.export``. Source: D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning
    Training", 2019.
    """

    name = "bf16"
    parameters: tuple[Parameter, ...] = ()
    declares = Declaration(formats=("torch-export",), knows_structure=always)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        narrowed(TorchProgram.read(source), torch.bfloat16).write(target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return self.name
