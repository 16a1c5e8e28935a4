"""The record of a sweep's task: trials of a task that has changed since could not be compared with its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

from pipelines import Evaluator, TaskIdentity
from pipelines.whole_file import write_json
from search.study.workspace import SweepFolder
from spaces import InputError, SearchSpace


def keep_task(evaluator: Evaluator, space: SearchSpace, folder: SweepFolder) -> Evaluator:
    """Record the task of a sweep, or see that it is still the one that is on record.

    Args:
        evaluator: What the sweep's workers do.
        space: What is searched: its students belong to the task.
        folder: Where the sweep is kept.

    Returns:
        The evaluator that works with no other task.

    Raises:
        InputError: the task has changed; with what of it.
    """
    identity = evaluator.identity_in(space)
    if folder.task.exists():
        _compare(identity, folder)
    else:
        write_json(folder.task, asdict(identity))
    return evaluator.expecting(identity)


def same_task(evaluator: Evaluator, folder: SweepFolder) -> Evaluator:
    """Return the evaluator that works with the task on record, if that is the one there is now.

    Raises:
        InputError: the task has changed; with what of it.
    """
    if not folder.task.exists():  # a sweep of before there were records
        return evaluator
    _compare(evaluator.identity, folder)
    return evaluator.expecting(evaluator.identity)


def recorded_task(folder: SweepFolder) -> TaskIdentity | None:
    """Return the task on record, students aside; None if there is none."""
    if not folder.task.exists():
        return None
    record = json.loads(folder.task.read_text(encoding="utf-8"))
    return replace(TaskIdentity(**record), students={})


def _compare(identity: TaskIdentity, folder: SweepFolder) -> None:
    record: Mapping[str, object] = json.loads(folder.task.read_text(encoding="utf-8"))
    if changes := identity.changes(TaskIdentity(**record)):  # type: ignore[arg-type]
        raise InputError.at(
            "task",
            f"{'; '.join(changes)} since sweep {folder.name!r} was begun, so that its trials could not be compared "
            "with new ones; put it back, give the sweep another name (-o sweep=NAME), or start anew with --fresh (the "
            "old one is kept aside)",
        )
