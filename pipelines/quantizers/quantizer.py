"""What every quantization scheme offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from pipelines.runtimes import Feed
from spaces import Parameter, Params


class Quantizer(Protocol):
    """A way to give an ONNX file fewer bits.

    Attributes:
        name: The value of ``quantization.scheme`` that selects it.
        parameters: What it can be told, beyond the scheme; the same parameter may serve several schemes.

    Optional attributes, see `pipelines.suitability`:
        ``runtimes``: the names of the only runtimes that its files are for; any, when absent.
        ``packages``: the optional packages that it needs, whose versions change its result.
    """

    name: str
    parameters: tuple[Parameter, ...]

    def quantize(self, source: Path, target: Path, calibration: Callable[[], Iterable[Feed]], params: Params) -> None:
        """Write the quantized form of the ONNX file `source` to `target`.

        Args:
            source: A floating-point ONNX file, prepared for quantization (shapes inferred, operators fused).
            target: Where the result goes.
            calibration: Gives the batches of the calibration split.
            params: The step's parameters by key.

        Raises:
            TrialFailed: the file cannot be quantized so.
        """
