"""ONNX: what ONNX Runtime, OpenVINO and most others execute."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.formats.format import FIXED
from pipelines.measurement import Measurement
from pipelines.onnxfile.graph import Graph
from pipelines.onnxfile.layers import numbers
from pipelines.onnxfile.preparation import prepare
from pipelines.onnxfile.shortening import shortened
from pipelines.runtimes import OUTPUT, Feed
from pipelines.tasks.declared import Axes
from pipelines.tasks.tensors import Outputs, Tensors, as_tuple, names_in_file, parts

OPSET = 18

MODEL = "model.onnx"


class OnnxFormat:
    """One ONNX file with a free batch dimension.

    One exporter serves every trial: the choice of exporter alone moves latency by a fifth. It is the TorchScript-based
    one, which takes a tenth of the time of the newer one on networks of this size.
    """

    name = "onnx"
    title = "ONNX"
    file = MODEL
    reference = "onnxruntime"
    version = 1
    settings: Mapping[str, Any] = {"opset": OPSET}
    libraries: tuple[str, ...] = ("onnx",)
    lacks: Mapping[str, str] = {}
    flavor: str | None = "onnx"

    def export(self, network: nn.Module, example: tuple[Tensor, ...], file: Path, axes: Axes = FIXED) -> None:
        """See `Format.export`."""
        names = names_in_file(example)
        is_fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # torch's fused attention has no place in an ONNX file
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the exporter announces its successor on every call
                with torch.no_grad():
                    given = network(*as_tuple(example))
                outputs = given.names if isinstance(given, Tensors) else (OUTPUT,)
                free = {name: {0: "batch", **axes.get(name, {})} for name in names}
                free |= {name: _free(output, free) for name, output in zip(outputs, parts(given), strict=True)}
                torch.onnx.export(
                    _ByPosition(network).train(network.training) if isinstance(example, Tensors) else network,
                    tuple(example),
                    str(file),
                    dynamo=False,
                    opset_version=OPSET,
                    input_names=list(names),
                    output_names=list(outputs),
                    dynamic_axes=free,
                )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise TrialFailed(f"the network cannot be exported to ONNX: {error}") from error
        finally:
            torch.backends.mha.set_fastpath_enabled(is_fused)

    def pack(self, source: Path, target: Path) -> None:
        """See `Format.pack`; inputs and outputs keep their names."""
        onnx.save(shortened(onnx.load(source)), target)

    def prepare(self, source: Path, target: Path) -> None:
        """See `Format.prepare`."""
        prepare(source, target)

    def numbers(self, file: Path) -> int | None:
        """See `Format.numbers`."""
        return numbers(file)

    def complexity(self, file: Path, feed: Feed) -> Measurement:
        """See `Format.complexity`."""
        graph = Graph(file, feed)
        parameters = Measurement({"parameters": float(graph.parameters())})
        try:
            return parameters | Measurement({"macs": float(graph.macs())})
        except LookupError as error:
            return parameters | Measurement({}, notes={"macs": f"not available: {error.args[0]}"})


class _ByPosition(nn.Module):
    """A network whose arguments have names, for the exporter, which would fill up those that are not given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Outputs:
        outputs: Outputs = self.network(*inputs)
        return outputs


def _free(output: Tensor, free: Axes) -> dict[int, str]:
    """The dimensions of `output` that are not written down as fixed: all, where a dimension of an input is free.

    Which of them follows from the input's the runtime finds out when it runs the file.
    """
    if all(len(axes) == 1 for axes in free.values()):
        return {0: "batch"}
    return {0: "batch", **{axis: f"dim_{axis}" for axis in range(1, output.dim())}}
