"""Agreement of a file with its parent, the file of the same recipe without its last step, and of two runtimes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.errors import TrialFailed
from pipelines.formats import FORMATS
from pipelines.meters.meter import Candidate
from pipelines.noise import noise_share
from pipelines.runtimes import RUNTIMES, Session, Target, to_feed
from pipelines.tasks.batches import batches_of
from pipelines.tasks.task import first

EXAMPLES = 64
"""At most so many calibration examples are compared."""

LOUD = 0.1
"""Outputs are spoilt if noise has this share of their power (10 dB), or more."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of two files' outputs.

    Attributes:
        noise: The power of their difference, as a share of that of the outputs that it is compared with: 0.01 is 20 dB.
            Of several outputs it is that of the worst.
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
    return _compared(candidate, candidate.load(candidate.artifact), candidate.load(candidate.parent))


def check_runtime(candidate: Candidate) -> None:
    """Run the file in the target runtime and in the one by which its format is compared with networks.

    Raises:
        TrialFailed: a runtime refuses the file, or it does something else in the target runtime.
    """
    reference = RUNTIMES[FORMATS[candidate.artifact.format].reference]
    if candidate.runtime.name == reference.name:
        return
    with candidate.lease.shared():
        known = reference.load(candidate.artifact, Target(reference.name, reference.devices[0]))
        found = _compared(candidate, candidate.load(candidate.artifact), known)
    if found.noise >= LOUD:
        raise TrialFailed(
            f"{candidate.runtime.name} does something else with the file than {reference.name}: outputs of "
            f"{found.examples} examples differ by {found.noise:.0%} of their power; use another technique, or another "
            "target.runtime"
        )


def _compared(candidate: Candidate, session: Session, other: Session) -> Agreement:
    found: list[list[list[np.ndarray]]] = []
    left = EXAMPLES
    for batch, _ in batches_of(candidate.task, "calibration"):
        inputs = first(batch, left)
        found.append([list(each.run_all(to_feed(inputs)).values()) for each in (session, other)])
        left -= len(inputs[0])
        candidate.lease.give_way()
        if left <= 0:
            break
    scored = [(own[0], expected[0]) for own, expected in found]
    rows = all(own.ndim == 2 and own.shape[1] > 1 for own, _ in scored)
    same = float(np.concatenate([own.argmax(1) == known.argmax(1) for own, known in scored]).mean()) if rows else None
    # In one row each: where lengths are free, batches have outputs of several shapes.
    own, expected = (
        [np.concatenate([x.ravel() for x in parts]) for parts in zip(*outputs, strict=True)]
        for outputs in zip(*found, strict=True)
    )
    noise = max(noise_share(*pair) for pair in zip(own, expected, strict=True))
    return Agreement(noise, same, sum(len(own) for own, _ in scored))
