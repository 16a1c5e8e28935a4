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
from pipelines.runtimes import RUNTIMES, Session, Target, to_feed
from pipelines.stages.stage import Form
from pipelines.tasks.task import Task, as_tuple
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
        wanted.export(model, as_tuple(context.task.example_input()), exported.path)
        session = runtime.load(exported, Target(runtime.name, runtime.devices[0]))
        _compare(model, session, context.task)


def _compare(model: nn.Module, session: Session, task: Task) -> None:
    """Run the file of `session` and `model` on the example and on some of the calibration split.

    Raises:
        TrialFailed: they do not agree.
    """
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
