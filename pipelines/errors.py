"""Errors that fail a trial. The other family, `spaces.InputError`, stops the command before anything starts."""

from __future__ import annotations

from collections.abc import Sequence


class TrialFailed(Exception):  # noqa: N818 - it names what happened to the trial
    """This recipe cannot become a measured file; the sweep goes on with the others.

    Args:
        reason: What happened and, where known, what to change; shown in ``status`` and in MLflow.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnchangedError(TrialFailed):
    """A technique finds nothing to do on what it is given, for the reason given, and leaves it as it is."""


class TaskChanged(Exception):  # noqa: N818 - it names what happened to the task
    """The task is not the one with which the work was begun: its results would be taken for those of the other.

    Args:
        changes: What has changed, see `pipelines.identity.TaskIdentity.changes`.
    """

    def __init__(self, changes: Sequence[str]) -> None:
        super().__init__(f"task: {'; '.join(changes)}")
        self.changes = tuple(changes)

    def __reduce__(self) -> tuple[type[TaskChanged], tuple[tuple[str, ...]]]:
        return type(self), (self.changes,)
