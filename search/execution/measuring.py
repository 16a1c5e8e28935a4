"""The measuring of files on the machines that they are for: what Ray runs there, where nothing needs torch."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.bench.answer import Answer, Failure
from pipelines.bench.conditions import WHERE
from pipelines.bench.job import Job
from pipelines.bench.running import run_bench
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.measurement import Measurement
from pipelines.runtimes import Artifact, Origin, Target


@dataclass(frozen=True)
class Order:
    """What is to be measured.

    Attributes:
        model: The key of the exported file.
        reference: That of the uncompressed teacher's.
        parent: That of the same recipe's without its last step.
        keys: The distinct keys, in the order in which the files come.
        file: The name of each file.
        format: Their format.
        target: What executes them, where and how.
        origin: Where the runtime's class is found, if it does not come with Paredown.
        processors: The processors that are kept free for measuring; all of the machine's may be used, when empty.
    """

    model: str
    reference: str
    parent: str
    keys: tuple[str, ...]
    file: str
    format: str
    target: Target
    origin: Origin | None = None
    processors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Answered:
    """What came of an order.

    Attributes:
        answer: The measurement, or why there is none.
        seconds: How long it took, with all waiting on that machine.
    """

    answer: Answer
    seconds: float


def measure_files(order: Order, feed: Mapping[str, np.ndarray], *contents: bytes) -> Answered:
    """Measure an exported file while it runs on this machine.

    Args:
        order: What to measure.
        feed: The inputs of one call.
        contents: The files, one for each of the order's keys.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="paredown-") as name, _only(order.processors):
        artifacts = {}
        for key, content in zip(order.keys, contents, strict=True):
            path = Path(name) / key / order.file
            path.parent.mkdir()
            path.write_bytes(content)
            artifacts[key] = Artifact(path, order.format)
        own, reference, parent = (artifacts[key] for key in (order.model, order.reference, order.parent))
        job = Job(own, reference, parent, Path(), order.target, origin=order.origin)
        answer: Answer
        try:
            found = run_bench(job, dict(feed), Lease(order.target.device))
            answer = found | Measurement({}, notes={WHERE: _here(order.processors)})
        except TrialFailed as error:
            answer = Failure(error.reason)
    return Answered(answer, time.monotonic() - began)


@contextmanager
def _only(processors: tuple[int, ...]) -> Iterator[None]:
    """Run this thread, and what it starts, on `processors` alone: Ray may give this process other work afterwards."""
    if not processors:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _here(processors: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, processors))
    return f"{platform.node()}, processors {shown}, which no training uses" if processors else platform.node()
