"""Weight clustering: each weight holds few distinct values, kept once, and a code of a few bits for each number."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from torch import nn

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights, replaceable
from pipelines.onnxfile.packing import DOMAIN, Packed, dense, functions, sparse
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.palette import Palettes
from pipelines.quantizers.parameters import KEEPING, refined
from spaces import Interval, Options, Parameter, Params

BITS = Parameter(
    "quantization.bits", Options((4, 5, 8)), default=4, help="a weight has at most two to the power of this many values"
)

PALETTES = Parameter(
    "quantization.palettes",
    Interval(1, 256, integer=True),
    default=1,
    help="at most so many palettes for a weight: each serves neighbouring output channels; fewer for small weights",
)

OVERHEAD_BYTES = 512
"""About what gaps need in the file beside themselves: functions, names. They have to save more than that."""


class Palettize:
    """Weights of convolutions and matrix products as palettes found by k-means, each for some of the output channels.

    It gains size, not speed: ONNX Runtime unpacks the codes once, when it loads the file, and computes as with the
    original. Codes are packed without waste; a weight that was mostly pruned keeps only the codes of what is left and
    the gaps between them, whichever takes fewer bytes. Pruned zeros stay zeros. It needs no calibration.

    Source: S. Han, H. Mao, W. J. Dally, "Deep Compression", 2016.
    """

    name = "palettize"
    parameters: tuple[Parameter, ...] = (BITS, PALETTES, *KEEPING)
    # ONNX Runtime alone unpacks the functions in the file.
    declares = Declaration(formats=("onnx",), runtimes=("onnxruntime",))
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        return no_weights(model)

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        model, bits = onnx.load(source), int(params["bits"])
        most = int(params.get(PALETTES.key, 1))
        graph, calls = model.graph, []
        for initializer, weight, axis in replaceable(graph, keep):
            packed = _packed(np.moveaxis(weight, axis, 0), bits, most)
            if packed.size_bytes >= weight.nbytes:
                continue
            name = initializer.name
            graph.initializer.remove(initializer)
            inputs = {f"{name}_{word}": array for word, array in packed.inputs.items()}
            graph.initializer.extend(numpy_helper.from_array(array, word) for word, array in inputs.items())
            unpacked = f"{name}_by_channel" if axis else name
            calls.append(helper.make_node(packed.function, list(inputs), [unpacked], domain=DOMAIN))
            if axis:
                back = [*range(1, axis + 1), 0, *range(axis + 1, weight.ndim)]
                calls.append(helper.make_node("Transpose", [unpacked], [name], perm=back))
        for call in reversed(calls):
            graph.node.insert(0, call)
        if calls:
            model.functions.extend(functions(call.op_type for call in calls if call.domain == DOMAIN))
            model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        onnx.save(model, target)

    def label(self, params: Params) -> str:
        """Such as ``palettize4``, with the bits of a code."""
        return refined(f"{self.name}{params['bits']}", params, (PALETTES, *KEEPING))


def _packed(weight: np.ndarray, bits: int, palettes: int) -> Packed:
    """`weight`, whose output channels come first, in the form that takes the fewest bytes.

    Of `palettes` only so many are made that they take at most half the bytes of the codes.
    """
    found = Palettes.of(weight, 2**bits, min(palettes, max(1, weight.size * bits // (64 * 2**bits))))
    packed = dense(found.codes, found.codebooks, bits, found.rows)
    if found.zero:
        gaps = sparse(found.codes, found.codebooks, bits, found.rows)
        packed = gaps if gaps.size_bytes + OVERHEAD_BYTES < packed.size_bytes else packed
    return packed
