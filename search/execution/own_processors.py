"""Processors that are set apart for measuring, so that trainings on GPUs need not pause for it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines import Target
from pipelines.processors import processors
from search.config.sections import ClusterSection

METER = "paredown_meter"
"""The resource that a machine offers of which some processors are set apart."""

TOPOLOGY = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Apart:
    """The decision how files are measured on a machine on which trainings run.

    Attributes:
        processors: Those on which nothing but the meter runs; none, if trainings pause while a file is measured.
        words: Which way is taken and why, for people; empty where there is no choice.
        left: How many processors are left for trials; None, if all are.
    """

    processors: tuple[int, ...] = ()
    words: str = ""
    left: int | None = None


def set_apart(
    cluster: ClusterSection,
    targets: Sequence[Target],
    gpus: int,
    have: int | None = None,
    topology: Path = TOPOLOGY,
) -> Apart:
    """Decide which processors of this machine measure and do nothing else.

    Args:
        cluster: What a trial needs, and how many run at once.
        targets: Those for which files are measured on this machine.
        gpus: How many this machine has.
        have: How many processors may be used; those of this process, when None.
        topology: Where the kernel shows which processors share a core.
    """
    if not targets or not cluster.gpus_per_trial or not hasattr(os, "sched_getaffinity"):
        return Apart()
    pause = "trainings pause while a file is measured"
    if cluster.address != "local":
        return Apart(words=f"{pause} on the same machine; with target.resource, files are measured on others")
    if any(target.device != "cpu" for target in targets):
        return Apart()
    have = processors() if have is None else have
    fit = int(gpus / cluster.gpus_per_trial + 1e-9)
    trials = min(fit, cluster.max_concurrent_trials or fit)
    own = _cores(sorted(os.sched_getaffinity(0), reverse=True), max(target.threads for target in targets), topology)
    need = trials * cluster.cpus_per_trial
    if have - len(own) < max(need, 1):
        told = f"{trials} trials at once need {need} processors and measuring {len(own)}, and there are {have}"
        return Apart(words=f"{pause}: {told}")
    shown = ", ".join(map(str, own))
    words = f"files are measured on processors {shown}, which no training uses, so that trainings go on"
    return Apart(own, words, have - len(own))


def _cores(allowed: Collection[int], threads: int, topology: Path) -> tuple[int, ...]:
    """Processors for `threads`, each with those that share its core: together they would take turns."""
    chosen: list[int] = []
    cores = 0
    for processor in allowed:
        if processor in chosen:
            continue
        chosen += [each for each in _siblings(processor, topology) if each in allowed]
        cores += 1
        if cores == threads:
            break
    return tuple(sorted(chosen))


def _siblings(processor: int, topology: Path) -> list[int]:
    """The processors of one core, as the kernel lists them: ``3,67`` or ``6-7``."""
    try:
        text = (topology / f"cpu{processor}/topology/thread_siblings_list").read_text(encoding="ascii").strip()
        ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    except (OSError, ValueError):
        return [processor]
    return sorted({processor, *(each for first, *last in ends for each in range(first, (last or [first])[-1] + 1))})


@contextmanager
def kept_off(own: Collection[int]) -> Iterator[None]:
    """Keep this process, and all that it starts meanwhile, off the processors `own`."""
    if not own:
        yield
        return
    before = os.sched_getaffinity(0)
    _confine(before - set(own))
    try:
        yield
    finally:
        _confine(before)


def _confine(allowed: Collection[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread), allowed)
