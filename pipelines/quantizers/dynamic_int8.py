"""Dynamic int8: weights are stored in 8 bits, activations are quantized while the network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic

from pipelines.runtimes import Feed
from spaces import Parameter, Params


class DynamicInt8:
    """Weights in 8 bits per channel, ranges of activations taken at run time; needs no calibration.

    Meant for matrix products: on convolutions ONNX Runtime's dynamic kernels are several times slower than floating
    point. Source: ONNX Runtime documentation, "Quantize ONNX Models".
    """

    name = "dynamic-int8"
    parameters: tuple[Parameter, ...] = ()

    def quantize(self, source: Path, target: Path, calibration: Callable[[], Iterable[Feed]], params: Params) -> None:
        """See `Quantizer.quantize`."""
        # Unsigned weights: ONNX Runtime's ConvInteger has no signed kernel.
        quantize_dynamic(source, target, weight_type=QuantType.QUInt8)
