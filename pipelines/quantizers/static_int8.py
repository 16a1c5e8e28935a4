"""Static int8: weights and activations in 8 bits, with ranges found on calibration data before shipping."""

from __future__ import annotations

import contextlib
import copy
import io
import tempfile
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QDQQuantizer,
    QuantType,
    create_calibrator,
)
from torch import nn

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights
from pipelines.onnxfile.operators import OPERATORS, operator
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.parameters import CALIBRATION_SIZE, CALIBRATOR, GRANULARITY, KEEP_FLOAT, keeps_none, refined
from pipelines.runtimes import Feed
from spaces import Parameter, Params

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
TYPES = sorted(name for name, operator in OPERATORS.items() if operator.static)


class StaticInt8:
    """8-bit weights and activations in QDQ form, which ONNX Runtime fuses into integer kernels.

    Activations are unsigned and weights signed: with signed activations the x86 kernels are slower than floating
    point. Weights use 7 of their 8 bits: processors without VNNI add pairs of products in 16 bits, which 8 and 8 bits
    overflow, and the file has to give the same answers wherever it goes. Source: ONNX Runtime documentation, "Quantize
    ONNX Models".
    """

    name = "static-int8"
    parameters: tuple[Parameter, ...] = (CALIBRATOR, GRANULARITY, CALIBRATION_SIZE, KEEP_FLOAT)
    declares = Declaration(formats=("onnx",), knows_structure=keeps_none)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        calibrator = str(params["calibrator"])
        ranges = calibration.once((source, calibrator), lambda: find_ranges(source, calibration, METHODS[calibrator]))
        quantizer = QDQQuantizer(
            onnx.load(source),
            per_channel=params["granularity"] == "channel",
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=copy.deepcopy(ranges),  # the quantizer narrows them
            nodes_to_quantize=[],
            nodes_to_exclude=list(keep),
            op_types_to_quantize=TYPES,
            extra_options={},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
        _leave_outputs_whole(quantizer.model.model.graph)
        onnx.save(quantizer.model.model, target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return refined(self.name, params, self.parameters)


def find_ranges(source: Path, calibration: Calibration, method: CalibrationMethod) -> Any:
    """ONNX Runtime's ranges of the activations of the file `source`, by the tensor's name.

    Batches are looked at one after another: together they would have to be of one size, and fill the memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        # ONNX Runtime writes beside the file that it calibrates, and `source` may lie where nothing must appear.
        copied = Path(folder) / "source.onnx"
        copied.write_bytes(source.read_bytes())
        augmented = str(Path(folder) / "augmented.onnx")
        calibrator = create_calibrator(copied, TYPES, augmented, calibrate_method=method)
        with contextlib.redirect_stdout(io.StringIO()):  # the calibrators print what they do
            for feed in calibration.feeds():
                calibrator.collect_data(_Reader(feed))
            return calibrator.compute_data()


def _leave_outputs_whole(graph: Any) -> None:
    """Take the rounding away that stands between a matrix product and the output of the network.

    The integer kernels can give floating-point numbers there, at no cost: why round the logits to 256 steps?
    """
    producers = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    for output in graph.output:
        back = producers.get(output.name)
        there = producers.get(back.input[0]) if back is not None and back.op_type == "DequantizeLinear" else None
        if back is None or there is None or there.op_type != "QuantizeLinear":
            continue
        product = producers.get(there.input[0])
        if product is None or operator(product.op_type).kind != "matrix product":
            continue
        if uses[there.output[0]] == uses[product.output[0]] == 1:
            product.output[0] = output.name
            graph.node.remove(there)
            graph.node.remove(back)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """ONNX Runtime's way to ask for calibration data: one feed per call, None at the end."""

    def __init__(self, feed: Feed) -> None:
        self._feeds = [feed]

    def get_next(self) -> Feed | None:
        """The batch, then None."""
        return self._feeds.pop() if self._feeds else None
