"""Sensitivity of an ONNX file's layers to quantization: those that suffer most stay in floating point first."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.noise import noise_share
from pipelines.onnxfile.layers import layers
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.quantizer import Quantizer
from pipelines.runtimes import RUNTIMES, Artifact, Feed, Target
from spaces import Params, counted

EXAMPLES = 64
"""At most so many examples are compared: a ranking of layers needs fewer than ranges do."""

ANSWERS = 256
"""Of at most so many examples the answers are compared."""


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


def ranked(losses: Mapping[str, float]) -> list[str]:
    """The layers that lose anything, the worst first."""
    return sorted((name for name, loss in losses.items() if loss > 0), key=lambda name: -losses[name])


def most_sensitive(losses: Mapping[str, float], share: float) -> list[str]:
    """The layers that stay in floating point: `share` of those that lose anything, rounded up, the worst first.

    Raises:
        UnchangedError: that would be all of them.
    """
    worst = ranked(losses)
    count = math.ceil(len(worst) * share - 1e-9)
    if count and count == len(worst):
        raise UnchangedError(f"quantization.keep_float {share:g} keeps all {counted(count, 'layer')} in floating point")
    return worst[:count]


def fewest_kept(least: int, layers: int, wanted: float, share_with: Callable[[int], float]) -> int:
    """The number of layers to keep in floating point with which enough examples get the unquantized file's answer.

    More kept layers are taken to make no answer worse, so that few numbers have to be tried.

    Args:
        least: So many stay in floating point in any case.
        layers: The number of layers.
        wanted: The share of the examples that have to get it, 0 to 1.
        share_with: Gives the share that do, with so many layers in floating point.

    Raises:
        UnchangedError: with all layers but one in floating point there are too few.
    """
    if share_with(least) >= wanted or layers < 1:
        return least
    few, enough = least, layers - 1
    if (best := share_with(enough)) < wanted:
        raise UnchangedError(
            f"with one of its {counted(layers, 'layer')} quantized {best:.2%} of the examples get the same answer, and "
            f"quantization.agreement is {wanted:g}"
        )
    while enough - few > 1:
        middle = (few + enough) // 2
        if share_with(middle) >= wanted:
            enough = middle
        else:
            few = middle
    return enough


def same_answers(source: Path, file: Path, calibration: Calibration) -> float:
    """The share of the calibration examples for which `file` and `source` have their largest output in one place.

    Raises:
        TrialFailed: outputs are no rows of several numbers, or the calibration split is empty.
    """
    sessions = [RUNTIMES["onnxruntime"].load(Artifact(each, "onnx"), Target()) for each in (source, file)]
    same = list[np.ndarray]()
    for feed in calibration.first(ANSWERS).feeds():
        expected, found = (session.run(feed) for session in sessions)
        if expected.ndim != 2 or expected.shape[1] < 2:
            raise TrialFailed(
                "quantization.agreement is for outputs that are one row of scores for each example; "
                f"these have the shape {expected.shape}: use quantization.keep_float"
            )
        same.append(expected.argmax(1) == found.argmax(1))
    return float(np.concatenate(same).mean())


def _outputs(file: Path, feeds: list[Feed]) -> np.ndarray:
    session = RUNTIMES["onnxruntime"].load(Artifact(file, "onnx"), Target())
    return np.concatenate([session.run(feed).ravel() for feed in feeds])
