"""A sweep read back from the workspace."""

from __future__ import annotations

from search.config import load_config
from search.standing import Standing
from search.study import read_trials
from search.sweep import Sweep
from search.workspace import Workspace


def load_sweep(name: str, workspace: Workspace | None = None) -> Sweep:
    """The sweep called `name` as it stands now; a driver may be at work on it.

    Raises:
        InputError: there is no such sweep.
    """
    folder = (workspace or Workspace.default()).existing(name)
    config = load_config(folder.config)
    trials = read_trials(folder)
    return Sweep(config, tuple(trials), Standing.of(trials, config))
