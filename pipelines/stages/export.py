"""Export: the network becomes an ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import OUTPUT, Artifact, OnnxRuntime, Target, input_names, to_feed
from pipelines.stages.stage import MODEL, Form
from pipelines.tasks.task import Task, as_tuple
from pipelines.training.context import Context
from spaces import Params

OPSET = 18

EXAMPLES = 8
"""Calibration examples on which the file is compared with the network."""

TOLERANCE = 1e-3
"""How far any output of the file may be from the network's, as a share of the network's largest output.

The same sums in another order differ by some 1e-6 in single precision, and by 1e-4 in deep networks.
"""


class Export:
    """Write the parent's network as one ONNX file with a free batch dimension.

    One exporter serves every trial: the choice of exporter alone moves latency by a fifth. It is the TorchScript-based
    one, which takes a tenth of the time of the newer one on networks of this size. What an exporter gets wrong it gets
    wrong silently, so the written file is run beside the network.
    """

    name = "export"
    form: Form = "file"
    version = 2
    libraries: tuple[str, ...] = ("torch", "onnx")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return {"opset": OPSET}

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        model = Checkpoint.load(parent, context.task).model
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
        _compare(model, out / MODEL, context.task)


def _compare(model: nn.Module, file: Path, task: Task) -> None:
    """Run `file` and `model` on the example and on some of the calibration split.

    Raises:
        TrialFailed: they do not agree.
    """
    session = OnnxRuntime().load(Artifact(file, "onnx"), Target())
    batch = next(iter(task.batches("calibration")), None)
    some = [tuple(x[:EXAMPLES] for x in as_tuple(batch[0]))] if batch else []
    for inputs in (as_tuple(task.example_input()), *some):
        with torch.inference_mode():
            expected = model(*as_tuple(inputs)).numpy()
        if not np.isfinite(expected).all():
            raise TrialFailed("the network gives outputs that are not finite")
        found = session.run(to_feed(inputs))
        if found.shape != expected.shape:
            raise TrialFailed(f"the exported file gives outputs of shape {found.shape}, the network {expected.shape}")
        error, scale = float(np.abs(found - expected).max()), float(np.abs(expected).max())
        if not error <= TOLERANCE * scale:  # not a number is no agreement either
            raise TrialFailed(
                f"the exported file does not do what the network does: outputs differ by up to {error:.2g}, and the "
                f"network's are no larger than {scale:.2g}; what of it depends on values or on the batch size is "
                "fixed by the export"
            )
