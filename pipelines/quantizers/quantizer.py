"""The protocol of quantization schemes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from torch import nn

from pipelines.declaration import Declaration
from pipelines.quantizers.calibration import Calibration
from spaces import Parameter, Params


class Quantizer(Protocol):
    """A way to give an exported file fewer bits.

    Attributes:
        name: The value of ``quantization.scheme`` that selects it.
        parameters: What it can be told, beyond the scheme; the same parameter may serve several schemes.
        declares: What else is known of it beforehand, the formats that it works on among it.
        aware: Whether the network is trained, before its export, with the rounding that this scheme will apply.
    """

    name: str
    parameters: tuple[Parameter, ...]
    declares: Declaration
    aware: bool

    def problem(self, model: nn.Module) -> str | None:
        """Return why this scheme can do nothing for `model`, or None if it can."""

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """Write the quantized form of the file `source` to `target`.

        Args:
            source: A floating-point file of one of its formats, as `Format.prepare` leaves it.
            target: Where the result goes.
            calibration: The examples on which ranges may be found.
            params: The step's parameters by key.
            keep: The names of the ONNX operators that stay in floating point, see `pipelines.quantizers.sensitivity`.

        Raises:
            UnchangedError: it would not be changed.
            TrialFailed: it cannot be quantized so.
        """

    def label(self, params: Params) -> str:
        """A short word for a recipe's label, such as ``static-int8·entropy``."""


WHOLE_NETWORK = "cannot leave single layers as they are, as exclude.quantization asks for"
"""Said of schemes that `leaves_layers` is not true of."""


def leaves_layers(quantizer: Quantizer) -> bool:
    """Return True if `quantizer` can keep some operators in floating point: their names are those of ONNX files."""
    return quantizer.declares.formats == ("onnx",)
