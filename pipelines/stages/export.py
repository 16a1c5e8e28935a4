"""Export: the network becomes a file of the format that the target executes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.formats import FORMATS, artifact_in, key_part
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import OUTPUT, RUNTIMES, Session, Target, to_feed
from pipelines.stages.stage import Form
from pipelines.tasks.batches import batches_of
from pipelines.tasks.declared import free_axes
from pipelines.tasks.task import Task, as_tuple, deployed, first
from pipelines.tasks.tensors import names_of, parts
from pipelines.training.context import Context
from spaces import Params

EXAMPLES = 8
"""Calibration examples on which the file is compared with the network."""

TOLERANCE = 1e-3
"""How far any output of the file may be from the network's, as a share of the network's largest output.

The same sums in another order differ by some 1e-6 in single precision, and by 1e-4 in deep networks.
"""


class Export:
    """Write the parent's network as one file of the context's format.

    What an exporter gets wrong it gets wrong silently, so the written file is run beside the network.
    """

    name = "export"
    form: Form = "file"
    version = 2
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return key_part(FORMATS[context.format])

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        model, wanted = Checkpoint.load(parent, context.task).model, FORMATS[context.format]
        exported, runtime = artifact_in(out, wanted.name), RUNTIMES[wanted.reference]
        model = deployed(model, context.task).eval()
        wanted.export(model, as_tuple(context.task.example_input()), exported.path, free_axes(context.task))
        session = runtime.load(exported, Target(runtime.name, runtime.devices[0]))
        _compare(model, session, context.task)


def _compare(model: nn.Module, session: Session, task: Task) -> None:
    """Run the file of `session` and `model` on the example and on some of the calibration split.

    Raises:
        TrialFailed: they do not agree.
    """
    batch = next(batches_of(task, "calibration"), None)
    some = [first(batch[0], EXAMPLES)] if batch else []
    for inputs in (as_tuple(task.example_input()), *some):
        with torch.inference_mode():
            given = model(*as_tuple(inputs))
        expected = {name: x.numpy() for name, x in zip(names_of(given) or (OUTPUT,), parts(given), strict=True)}
        if not all(np.isfinite(values).all() for values in expected.values()):
            raise TrialFailed("the network gives outputs that are not finite")
        found = session.run_all(to_feed(inputs))
        for name, values in expected.items():
            _compare_output(name if len(expected) > 1 else "", found[name], values)


def _compare_output(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    which = f" called {name}" if name else ""
    if found.shape != expected.shape:
        shapes = f"of shape {found.shape}, the network {expected.shape}"
        raise TrialFailed(f"the exported file gives outputs{which} {shapes}")
    error = float(np.abs(found.astype(np.float64) - expected).max(initial=0))
    scale = float(np.abs(expected).max(initial=0))
    if not error <= TOLERANCE * scale:  # not a number is no agreement either
        raise TrialFailed(
            f"the exported file does not do what the network does: outputs{which} differ by up to {error:.2g}, and the "
            f"network's are no larger than {scale:.2g}; what of it depends on values or on the batch size is "
            "fixed by the export"
        )
