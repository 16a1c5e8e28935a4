"""How a trial fails. The other family, `spaces.InputError`, stops the command before anything starts."""

from __future__ import annotations


class TrialFailed(Exception):  # noqa: N818 - it names what happened to the trial
    """This recipe cannot become a measured file; the sweep goes on with the others.

    Args:
        reason: What happened and, where known, what to change; shown in ``status`` and in MLflow.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
