"""Weight clustering: each weight holds few distinct values, kept once, and a code of a few bits for each number."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx
from onnx import helper, numpy_helper
from torch import nn

from pipelines.declaration import Declaration
from pipelines.onnxfile.layers import no_weights, replaceable
from pipelines.onnxfile.packing import DOMAIN, dense, functions, sparse
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.palette import Palette
from pipelines.quantizers.parameters import KEEPING, refined
from spaces import Options, Parameter, Params

BITS = Parameter(
    "quantization.bits", Options((4, 5, 8)), default=4, help="a weight has at most two to the power of this many values"
)

OVERHEAD_BYTES = 512
"""About what gaps need in the file beside themselves: functions, names. They have to save more than that."""


class Palettize:
    """Weights of convolutions and matrix products as palettes found by k-means, one palette for each weight.

    It gains size, not speed: ONNX Runtime unpacks the codes once, when it loads the file, and computes as with the
    original. Codes are packed without waste; a weight that was mostly pruned keeps only the codes of what is left and
    the gaps between them, whichever takes fewer bytes. Pruned zeros stay zeros. It needs no calibration.

    Source: S. Han, H. Mao, W. J. Dally, "Deep Compression", 2016.
    """

    name = "palettize"
    parameters: tuple[Parameter, ...] = (BITS, *KEEPING)
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
        graph, calls = model.graph, []
        for initializer, weight, _ in replaceable(graph, keep):
            palette = Palette.of(weight, 2**bits)
            packed = dense(palette.codes, palette.codebook, bits)
            if palette.zero:
                gaps = sparse(palette.codes, palette.codebook, bits)
                packed = gaps if gaps.size_bytes + OVERHEAD_BYTES < packed.size_bytes else packed
            if packed.size_bytes >= weight.nbytes:
                continue
            graph.initializer.remove(initializer)
            inputs = {f"{initializer.name}_{word}": array for word, array in packed.inputs.items()}
            graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in inputs.items())
            calls.append(helper.make_node(packed.function, list(inputs), [initializer.name], domain=DOMAIN))
        for call in reversed(calls):
            graph.node.insert(0, call)
        if calls:
            model.functions.extend(functions(call.op_type for call in calls))
            model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        onnx.save(model, target)

    def label(self, params: Params) -> str:
        """Such as ``palettize4``, with the bits of a code."""
        return refined(f"{self.name}{params['bits']}", params, KEEPING)
