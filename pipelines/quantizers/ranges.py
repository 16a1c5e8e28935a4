"""Ranges of activations, found on calibration examples."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

from pipelines.quantizers.calibration import Calibration
from pipelines.runtimes import Feed

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}

WIDEST = 4096.0
"""Larger numbers are no activations but masks: −∞, the smallest number that there is, or −10,000.

With 256 steps over such a range all that lies within ±8 becomes 0.
"""


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
        leave_out: Tensors of which no histogram is made: it would break over numbers that are not finite.

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
        if leave_out:
            calibrator.tensors_to_calibrate = set(calibrator.tensors_to_calibrate).difference(leave_out)
        with contextlib.redirect_stdout(io.StringIO()):  # the calibrators print what they do
            for feed in calibration.feeds():
                calibrator.collect_data(_Reader(feed))
            return calibrator.compute_data()


def masked(extremes: Any) -> set[str]:
    """Name the tensors that take numbers beyond `WIDEST`, given their smallest and largest ones (``minmax``)."""
    return {
        name for name, found in extremes.items() if not all(np.all(np.abs(end) <= WIDEST) for end in found.range_value)
    }


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """ONNX Runtime's way to ask for calibration data: one feed per call, None at the end."""

    def __init__(self, feed: Feed) -> None:
        self._feeds = [feed]

    def get_next(self) -> Feed | None:
        """The batch, then None."""
        return self._feeds.pop() if self._feeds else None
