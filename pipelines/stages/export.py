"""Export: the network becomes an ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pipelines.checkpoint import Checkpoint
from pipelines.context import Context
from pipelines.errors import TrialFailed
from pipelines.runtimes import OUTPUT, input_names
from pipelines.stages.stage import MODEL, Form
from pipelines.task import as_tuple
from spaces import Params

OPSET = 18


class Export:
    """Write the parent's network as one ONNX file with a free batch dimension.

    One exporter serves every trial: the choice of exporter alone moves latency by a fifth. It is the TorchScript-based
    one, which takes a tenth of the time of the newer one on networks of this size.
    """

    name = "export"
    form: Form = "file"
    version = 1
    libraries: tuple[str, ...] = ("torch", "onnx")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return {"opset": OPSET}

    def run(self, parents: tuple[Path, ...], out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        model = Checkpoint.load(parents[-1], context.task).model
        example = as_tuple(context.task.example_input())
        names = input_names(len(example))
        is_fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # torch's fused attention has no place in an ONNX file
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the exporter announces its successor on every call
                torch.onnx.export(
                    model,
                    example,
                    str(out / MODEL),
                    dynamo=False,
                    opset_version=OPSET,
                    input_names=names,
                    output_names=[OUTPUT],
                    dynamic_axes={name: {0: "batch"} for name in (*names, OUTPUT)},
                )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise TrialFailed(f"the network cannot be exported to ONNX: {error}") from error
        finally:
            torch.backends.mha.set_fastpath_enabled(is_fused)
