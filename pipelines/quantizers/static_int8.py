"""Static int8: weights and activations in 8 bits, with ranges found on calibration data before shipping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from pipelines.errors import TrialFailed
from pipelines.runtimes import Feed
from spaces import Options, Parameter, Params

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


class StaticInt8:
    """8-bit weights and activations in QDQ form, which ONNX Runtime fuses into integer kernels.

    Activations are unsigned and weights signed: with signed activations the x86 kernels are slower than floating
    point. Weights use 7 of their 8 bits: processors without VNNI add pairs of products in 16 bits, which 8 and 8 bits
    overflow, and the file has to give the same answers wherever it goes. Source: ONNX Runtime documentation, "Quantize
    ONNX Models".
    """

    name = "static-int8"
    parameters: tuple[Parameter, ...] = (
        Parameter(
            "quantization.calibrator",
            Options(tuple(METHODS)),
            default="minmax",
            help="how an activation's range is found",
        ),
        Parameter(
            "quantization.granularity",
            Options(("channel", "tensor")),
            default="channel",
            help="one scale per output channel of a weight, or one per weight",
        ),
    )

    def quantize(self, source: Path, target: Path, calibration: Callable[[], Iterable[Feed]], params: Params) -> None:
        """See `Quantizer.quantize`."""
        quantize_static(
            source,
            target,
            _Reader(calibration),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,
            per_channel=params["granularity"] == "channel",
            calibrate_method=METHODS[str(params["calibrator"])],
        )


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """ONNX Runtime's way to ask for calibration data: one feed per call, None at the end.

    Examples are fed one by one: the histogram calibrators cannot digest a last batch that is smaller than the others.
    """

    def __init__(self, calibration: Callable[[], Iterable[Feed]]) -> None:
        self._feeds: Iterator[Feed] = (
            {name: array[index : index + 1] for name, array in feed.items()}
            for feed in calibration()
            for index in range(len(next(iter(feed.values()))))
        )
        first = next(self._feeds, None)
        if first is None:
            raise TrialFailed("the calibration split has no batches")
        self._feeds = chain([first], self._feeds)

    def get_next(self) -> Feed | None:
        """The next example, or None after the last."""
        return next(self._feeds, None)
