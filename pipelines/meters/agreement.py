"""Agreement of a file with its parent: the file of the same recipe without its last step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.meters.meter import Candidate
from pipelines.noise import noise_share
from pipelines.runtimes import to_feed
from pipelines.tasks.task import as_tuple

EXAMPLES = 64
"""At most so many calibration examples are compared."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of two files' outputs.

    Attributes:
        noise: The power of their difference, as a share of that of the parent's outputs: 0.01 is 20 dB.
        same: The share of the examples for which the largest output is the same one; None if outputs are no rows of
            several numbers.
        examples: How many were compared.
    """

    noise: float
    same: float | None
    examples: int


def agreement(candidate: Candidate) -> Agreement:
    """Run the file and its parent on calibration examples.

    Raises:
        TrialFailed: the runtime refuses a file.
        ValueError: the calibration split is empty.
    """
    sessions = [candidate.load(artifact) for artifact in (candidate.artifact, candidate.parent)]
    found: list[list[np.ndarray]] = []
    left = EXAMPLES
    for batch, _ in candidate.task.batches("calibration"):
        inputs = tuple(x[:left] for x in as_tuple(batch))
        found.append([session.run(to_feed(inputs)) for session in sessions])
        left -= len(inputs[0])
        candidate.lease.give_way()
        if left <= 0:
            break
    own, parent = (np.concatenate(outputs) for outputs in zip(*found, strict=True))
    rows = own.ndim == 2 and own.shape[1] > 1
    same = float((own.argmax(1) == parent.argmax(1)).mean()) if rows else None
    return Agreement(noise_share(own, parent), same, len(own))
