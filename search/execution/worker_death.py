"""The death of a worker: why it has left its trial without a result, and whether the trial is given out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search.execution.last_words import SILENT
from search.execution.nodes import Fate
from search.execution.work import LESS_MEMORY

ALONE = "to see more, run its recipe in one process: paredown trial CONFIG RECIPE"


@dataclass(frozen=True)
class WorkerDeath:
    """Why a worker left no result, and what becomes of its trial.

    Attributes:
        reason: Why, with what to do, as the reason of a trial that is not given out again.
        again: The trial is given out again, and that counts as an attempt (``counted``) or does not (``free``); or it
            has failed (``never``).
    """

    reason: str
    again: Literal["counted", "free", "never"] = "counted"


def worker_death(
    *, words: str = "", error: str = "", fate: Fate = "", node: str = "", late: str = "", killer: str = ""
) -> WorkerDeath:
    """Judge the death of a worker by what is known of it.

    Args:
        words: How it ended by its own last words; see `search.execution.last_words`.
        error: The exception that it raised, if it was not the trial's.
        fate: What has become of its node.
        node: The node's name.
        late: What is told of a trial whose time is up, if this one's is.
        killer: Who has killed processes for want of memory meanwhile: ``the kernel`` or ``Ray``.
    """
    if fate == "preempted":
        return WorkerDeath(f"its node {node} was preempted", "free")
    if late:
        told = "it did not even stop when it was told to" if not words or words.startswith(SILENT) else words
        return WorkerDeath(f"{late}; {told}", "never")
    began = "the worker died twice over this trial"
    if fate == "lost":
        return WorkerDeath(f"{began}, at last since its node {node} was lost; see there what happened; {ALONE}")
    if error and not words:
        return WorkerDeath(f"the worker failed twice over this trial: {error}; {ALONE}")
    if killer and (not words or words.startswith(SILENT)):
        return WorkerDeath(f"{began}: {killer} kills processes for want of memory; {LESS_MEMORY}")
    return WorkerDeath(f"{began}: {words or SILENT}; {ALONE}")
