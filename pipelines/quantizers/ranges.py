"""Ranges of activations, found on calibration examples."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

from pipelines.quantizers.calibration import Calibration
from pipelines.runtimes import Feed

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}

WIDEST = 256.0
"""Masks are at least as large: −10,000, the smallest number that there is, −∞."""

GAP = (1 / 50, 1 / 4)
"""Between these shares of the largest number a tensor with a mask has none: all others are smaller, or masks."""

EXAMPLES = 64
"""At most so many examples are looked at to tell masks from large activations."""

FINEST = 1e-3
"""Of ranges that are narrower than this share of their largest number no histogram can be made."""


def find_ranges(
    source: Path, calibration: Calibration, method: str, operators: Sequence[str], leave_out: Collection[str] = ()
) -> Any:
    """Find the ranges of the activations of the file `source`.

    Slices of batches are looked at one after another: together they would fill the memory.

    Args:
        source: A file as `pipelines.quantizers.preparation.prepare` leaves it.
        calibration: The examples.
        method: How to find a range, one of `METHODS`.
        operators: The types of operators whose inputs and outputs are looked at.
        leave_out: Tensors of which no histogram is made: it would break over numbers that are not finite, or equal.

    Returns:
        ONNX Runtime's ``TensorsData``, by the tensor's name.

    Raises:
        TrialFailed: the calibration split is empty.
    """
    with tempfile.TemporaryDirectory() as folder:
        # ONNX Runtime writes beside the file that it calibrates, and `source` may lie where nothing must appear.
        copied = Path(folder) / "source.onnx"
        copied.write_bytes(source.read_bytes())
        augmented = str(Path(folder) / "augmented.onnx")
        calibrator = create_calibrator(copied, list(operators), augmented, calibrate_method=METHODS[method])
        calibrator.infer_session = _beside_others(augmented)
        if leave_out:
            calibrator.tensors_to_calibrate = set(calibrator.tensors_to_calibrate).difference(leave_out)
        with contextlib.redirect_stdout(io.StringIO()):  # the calibrators print what they do
            for feed in calibration.feeds():
                calibrator.collect_data(_Reader(feed))
            return calibrator.compute_data()


def masked(source: Path, calibration: Calibration, extremes: Any) -> set[str]:
    """Name the tensors of the file `source` that take the numbers of masks: of all others too little would be left.

    With 256 steps from −10,000 to 8 all that lies within ±8 becomes 0. Large numbers alone make no mask: prices, or
    pixels from 0 to 255, have others between them.

    Args:
        source: The file.
        calibration: The examples.
        extremes: The smallest and largest number of each tensor (``minmax``).

    Raises:
        TrialFailed: the calibration split is empty.
    """
    largest = {name: max(float(np.abs(end).max()) for end in found.range_value) for name, found in extremes.items()}
    endless = {name for name, most in largest.items() if not np.isfinite(most)}
    wide = sorted(name for name, most in largest.items() if most > WIDEST and name not in endless)
    return endless | (_with_gap(source, calibration, {name: largest[name] for name in wide}) if wide else set())


def _with_gap(source: Path, calibration: Calibration, largest: Mapping[str, float]) -> set[str]:
    """Those tensors of which some numbers are tiny, some as large as `largest` says, and none in between."""
    session, found, tiny = watching(onnx.load(source), list(largest)), set(largest), set[str]()
    for feed in calibration.first(EXAMPLES).feeds():
        for name, values in zip(largest, session.run(list(largest), feed), strict=True):
            shares = np.abs(values) / largest[name]
            if ((shares > GAP[0]) & (shares < GAP[1])).any():
                found.discard(name)
            if ((shares > 0) & (shares <= GAP[0])).any():
                tiny.add(name)
    return found & tiny


def too_narrow(extremes: Any) -> set[str]:
    """Name the tensors that hardly vary, given their smallest and largest numbers: no histogram can be made of them."""
    narrow = set()
    for name, found in extremes.items():
        low, high = float(np.min(found.range_value[0])), float(np.max(found.range_value[1]))
        most = max(abs(low), abs(high))
        if not high - low > FINEST * most or most < np.finfo(np.float32).tiny * 1e6:
            narrow.add(name)
    return narrow


def _beside_others(file: str) -> ort.InferenceSession:
    """A session of `file` on as many threads as PyTorch has.

    The calibrator's own would bind a thread to every processor, also to those of other trials and of the meter.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def watching(model: onnx.ModelProto, names: Sequence[str]) -> ort.InferenceSession:
    """Return a session that gives the tensors `names` of `model`."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """ONNX Runtime's way to ask for calibration data: one feed per call, None at the end."""

    def __init__(self, feed: Feed) -> None:
        self._feeds = [feed]

    def get_next(self) -> Feed | None:
        """The batch, then None."""
        return self._feeds.pop() if self._feeds else None
