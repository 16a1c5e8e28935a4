"""What fronts need of the store: it is never evicted."""

from __future__ import annotations

from search.study.saved import load_sweep
from search.study.state import Standing
from search.study.workspace import Workspace


def needed_keys(workspace: Workspace) -> set[str]:
    """The keys of all results that the front of some sweep of `workspace` rests on, or its uncompressed teacher.

    Raises:
        InputError: a sweep cannot be read, so that nobody knows what it needs.
    """
    return {key for name in workspace.sweeps() for key in front_keys(load_sweep(name, workspace).standing)}


def front_keys(standing: Standing) -> set[str]:
    """The same for one sweep."""
    trials = [*standing.front.members, *([standing.baseline] if standing.baseline else [])]
    return {stage.key for trial in trials if trial.result for stage in trial.result.stages}
