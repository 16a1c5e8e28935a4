"""Half precision: 16 instead of 32 bits per number."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization.onnx_model import ONNXModel
from torch import nn

from pipelines.declaration import Declaration, always
from pipelines.errors import TrialFailed
from pipelines.formats import TorchExportFormat
from pipelines.onnxfile.layers import no_weights
from pipelines.onnxfile.loading import loading_crash
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.narrowed_program import narrowed
from pipelines.runtimes import TorchProgram
from spaces import Parameter, Params


def _converter() -> Callable[..., Any]:
    path = list(sys.path)
    module = importlib.import_module("onnxruntime.transformers.float16")
    sys.path[:] = path  # the package adds its own folder, whose `models` and `metrics` a person's task could mean
    return module.convert_float_to_float16  # type: ignore[no-any-return]


convert_float_to_float16 = _converter()
LARGEST = float(np.finfo(np.float16).max)


class Fp16:
    """Weights and activations in half precision; inputs and outputs stay in single precision.

    It halves the file, of either format. On a CPU it takes time instead of saving it: ONNX Runtime has few kernels for
    it there and converts to single precision and back around all others, at every call; `WeightFp16` stores as little
    and does not. A GPU computes in half precision. Source: ONNX Runtime documentation, "Create Float16 and Mixed
    Precision Models".
    """

    name = "fp16"
    parameters: tuple[Parameter, ...] = ()
    declares = Declaration(formats=("onnx", "torch-export"), knows_structure=always)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return too_large(model) or no_weights(model, recurrent=(nn.RNNBase,))

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        if source.suffix == Path(TorchExportFormat.file).suffix:
            narrowed(TorchProgram.read(source), torch.float16).write(target)
            return
        converted = ONNXModel(
            convert_float_to_float16(onnx.load(source), keep_io_types=True, node_block_list=list(keep))
        )
        converted.topological_sort()  # the casts that it adds stand behind what reads them
        # Their shapes are what `pipelines.onnxfile.shortening` leaves in half-precision files.
        onnx.save(onnx.shape_inference.infer_shapes(converted.model), target)
        # Version 1.32 crashes over some products of transposed tensors, as in attention, and over nothing else known.
        types = {node.op_type for node in converted.model.graph.node}
        if types.issuperset(("Transpose", "MatMul")) and (crash := loading_crash(target)):
            raise TrialFailed(
                f"ONNX Runtime crashes ({crash}) when it loads this network in half precision; use weight-fp16, which "
                "computes in single precision"
            )

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return self.name


def too_large(model: nn.Module) -> str | None:
    """Return which weight of `model` half precision cannot hold, or None if there is none."""
    for name, parameter in model.named_parameters():
        if parameter.numel() and parameter.abs().max() > LARGEST:
            return f"{name} has values above {LARGEST:g}, the largest number in half precision"
    return None
