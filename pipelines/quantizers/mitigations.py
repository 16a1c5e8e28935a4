"""The ways to mitigate the error of rounding: each changes a prepared file to one that computes the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import onnx
from torch import nn

from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.equalization import equalization_problem, equalize
from pipelines.quantizers.parameters import EQUALIZE, MITIGATION, SMOOTH
from pipelines.quantizers.smoothing import smooth, smoothing_problem
from spaces import NONE, Params

WAYS: Mapping[str, Callable[[onnx.ModelProto, Calibration], None]] = {
    SMOOTH: smooth,
    EQUALIZE: lambda model, calibration: equalize(model),
}

PROBLEMS: Mapping[str, Callable[[nn.Module], str | None]] = {
    SMOOTH: smoothing_problem,
    EQUALIZE: equalization_problem,
}
"""Why a way can do nothing for a network, or None, by its name."""


def mitigate(file: Path, params: Params, calibration: Calibration) -> None:
    """Change the prepared `file` as the parameter ``mitigation`` asks for, if it does.

    Raises:
        TrialFailed: there is nothing to change so, see `smooth` and `equalize`.
    """
    if (way := str(params.get(MITIGATION.key, NONE))) != NONE:
        model = onnx.load(file)
        WAYS[way](model, calibration)
        onnx.save(model, file)
