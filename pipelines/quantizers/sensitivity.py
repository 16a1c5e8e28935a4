"""Sensitivity of an ONNX file's layers to quantization: those that suffer most stay in floating point first."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx

from pipelines.errors import UnchangedError
from pipelines.noise import noise_share
from pipelines.onnxfile.layers import layers
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.quantizer import Quantizer
from pipelines.runtimes import RUNTIMES, Artifact, Feed, Target
from spaces import Params

EXAMPLES = 64
"""At most so many examples are compared: a ranking of layers needs fewer than ranges do."""


def layer_sensitivity(source: Path, quantizer: Quantizer, calibration: Calibration, params: Params) -> dict[str, float]:
    """Measure how much quantizing each layer alone disturbs the output of the file `source`.

    Ranges of activations are found once. Then each layer in turn is quantized with everything else in floating point,
    and the output is compared with that of `source` on calibration examples. Source: N. P. Pandey et al., "A Practical
    Mixed Precision Algorithm for Post-Training Quantization", 2023, section 3, which ranks by the same ratio in dB.

    Args:
        source: A file as `pipelines.onnxfile.preparation.prepare` leaves it.
        quantizer: The scheme to look at.
        calibration: Where ranges are found and outputs compared.
        params: The scheme's parameters by key.

    Returns:
        The noise in the output, as a share of the output's own power (0.01 is 20 dB), by the layer's name; the
        largest first. It is 0 for a layer that the scheme leaves as it is.

    Raises:
        TrialFailed: the scheme cannot quantize the file, or the calibration split is empty.
    """
    graph = onnx.load(source).graph
    operators = {node.name for node in graph.node}
    feeds = list(calibration.first(EXAMPLES).feeds())
    expected = _outputs(source, feeds)
    noise = {}
    with tempfile.TemporaryDirectory() as folder:
        for layer in layers(graph):
            alone = Path(folder) / "alone.onnx"
            noise[layer.name] = 0.0
            with suppress(UnchangedError):
                quantizer.quantize(source, alone, calibration, params, keep=operators - {layer.name})
                noise[layer.name] = noise_share(_outputs(alone, feeds), expected)
    return dict(sorted(noise.items(), key=lambda item: -item[1]))


def most_sensitive(losses: Mapping[str, float], share: float) -> list[str]:
    """The layers that stay in floating point: `share` of those that lose anything, rounded up, the worst first.

    Raises:
        UnchangedError: that would be all of them.
    """
    ranked = sorted((name for name, loss in losses.items() if loss > 0), key=lambda name: -losses[name])
    count = math.ceil(len(ranked) * share - 1e-9)
    if count and count == len(ranked):
        raise UnchangedError(f"quantization.keep_float {share:g} keeps all {count} layers in floating point")
    return ranked[:count]


def _outputs(file: Path, feeds: list[Feed]) -> np.ndarray:
    session = RUNTIMES["onnxruntime"].load(Artifact(file, "onnx"), Target())
    return np.concatenate([session.run(feed).ravel() for feed in feeds])
