"""The Python interface for notebooks and scripts: run a sweep, load its front, pick one configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console

from search.analysis.post_hoc import PostHoc
from search.config.sweep_config import SweepConfig
from search.execution.executor import InlineExecutor
from search.finalize import check_complete, finalize
from search.planning.reading import read_sweep
from search.reports.plot import plot_front
from search.reports.report import front_json, table
from search.selection.choice import Choice
from search.selection.choice import pick as choose
from search.selection.options import read_options
from search.study.saved import Sweep, load_sweep
from search.study.trial import Trial
from search.study.workspace import Workspace
from search.sweep import run_sweep as run
from spaces import InputError, counted


@dataclass(frozen=True)
class Front:
    """A sweep's Pareto front, as it stood when it was loaded.

    Attributes:
        sweep: The sweep: its configuration, and every trial with its metrics.
        post_hoc: What is known besides: how likely each trial is on the front, what was measured again, the test split.
    """

    sweep: Sweep
    post_hoc: PostHoc

    @property
    def members(self) -> tuple[Trial, ...]:
        """The trials on the front, best in the first objective first."""
        return self.sweep.state.front.members

    @property
    def baseline(self) -> Trial | None:
        """The uncompressed teacher, or None while it is not measured."""
        return self.sweep.state.baseline

    @property
    def hypervolume(self) -> float:
        """The hypervolume of the front; see `search.study.front.ParetoFront.hypervolume`."""
        return self.sweep.state.hypervolume

    @property
    def table(self) -> pd.DataFrame:
        """One row per member: what ``front --csv`` writes, and the probability ``p_front`` of being on the front."""
        return self._table(self.members)

    @property
    def trials(self) -> pd.DataFrame:
        """The same of every trial that is complete, on the front or not, in their order."""
        return self._table(trial for trial in self.sweep.trials if trial.state == "complete")

    def to_json(self) -> dict[str, Any]:
        """The front as plain data, as ``front --json`` prints it."""
        return front_json(self.sweep.config, self.sweep.state, self.post_hoc)

    def plot(self, path: Path | str) -> Path:
        """Draw the front, with 95 % intervals as whiskers, into a file whose ending gives the format.

        Raises:
            ValueError: the format is not known.
            InputError: there is a file of somebody else's.
        """
        state = self.sweep.state
        title = f"{self.sweep.config.sweep}: {len(self.members)} of {counted(state.complete, 'trial')} on the front"
        plot_front(title, state, self.sweep.trials, Path(path))
        return Path(path)

    def _table(self, trials: Iterable[Trial]) -> pd.DataFrame:
        frame = table(trials)
        if not frame.empty:
            frame["p_front"] = [self.post_hoc.p_front[number] for number in frame["trial"]]
        return frame


def run_sweep(
    config: Path | str,
    overrides: Mapping[str, Any] | None = None,
    *,
    fresh: bool = False,
    in_process: bool = False,
    workspace: Path | str | None = None,
) -> Front:
    """Run the sweep of a YAML file, or go on where it stopped, as ``paredown run`` does.

    When the search has ended the front is measured again, unless the file says ``search: {remeasure: false}``.

    Args:
        config: The file.
        overrides: Values that replace or add to the file's, by key path: ``{"search.trials": 20}``.
        fresh: Put an earlier sweep of this name aside and start anew.
        in_process: Try the task and run the trials in this process, one after the other, instead of in others with Ray
            Tune: for small sweeps, and to debug a task.
        workspace: Where state is kept; ``PAREDOWN_HOME`` or ``.paredown`` in the current folder, when None.

    Returns:
        The front of all trials so far.

    Raises:
        InputError: everything that is wrong with the file or the task, or a sweep of this name asked for something
            else.
        SweepError: the sweep is running already, trials cannot be run at all, or all of them failed.
    """
    asked, _ = read_sweep(
        Path(config),
        [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in (overrides or {}).items()],
        here=in_process,
    )
    if asked.task.use.startswith("__main__:") and not in_process:
        raise InputError.at(
            "task.use",
            f"{asked.task.use!r} is of the program or notebook that runs here, which workers do not have: put the "
            "class into a file of its own, such as mine.py with mine:MyTask, or call run_sweep(..., in_process=True)",
        )
    home = _workspace(workspace)
    sweep = _run_here(asked, home, fresh) if in_process else run(asked, home, fresh=fresh)
    check_complete(sweep)
    return Front(sweep, finalize(sweep, home, Console(stderr=True, highlight=False, emoji=False)))


def load_front(name: str, *, workspace: Path | str | None = None) -> Front:
    """The front of the sweep called `name` as it stands now; a driver may be at work on it.

    Args:
        name: The sweep's name.
        workspace: Where state is kept; see `run_sweep`.

    Raises:
        InputError: there is no such sweep.
    """
    home = _workspace(workspace)
    sweep = load_sweep(name, home)
    return Front(sweep, PostHoc.of(sweep, home.sweep(name)))


def pick(
    front: Front,
    *,
    where: str | Sequence[str] = (),
    minimize: str | None = None,
    maximize: str | None = None,
    weights: Mapping[str, float] | None = None,
) -> Choice:
    """One member of `front`, and why that one; the options are those of ``paredown pick``.

    The test split stays closed: it is opened by ``paredown pick``, which also exports.

    Args:
        front: What may be chosen.
        where: Bounds to keep, such as ``"latency_ratio<=0.5"``.
        minimize: Take the member with the least of this metric.
        maximize: Take the member with the most of this metric.
        weights: Take the best by these weights; see `search.selection.preference.Weights`.

    Without any of the last three the knee decides; see `search.selection.preference.Knee`.

    Raises:
        InputError: everything that is wrong with the options; places are those of the command line.
        SweepError: no member keeps all bounds, with the bounds that exclude all.
    """
    bounds = [where] if isinstance(where, str) else where
    weighed = ",".join(f"{name}={value!r}" for name, value in weights.items()) if weights is not None else None
    targets = front.sweep.config.targets.named
    constraints, prefer = read_options(bounds, minimize, maximize, False, weighed, targets=targets)
    return choose(front.sweep.state.front, constraints, prefer)


def _run_here(config: SweepConfig, workspace: Workspace, fresh: bool) -> Sweep:
    """Run `config` in this process with as many threads as a worker would have."""
    threads = torch.get_num_threads()
    torch.set_num_threads(config.cluster.cpus_per_trial)
    try:
        return run(config, workspace, fresh=fresh, executor=InlineExecutor())
    finally:
        torch.set_num_threads(threads)


def _workspace(path: Path | str | None) -> Workspace:
    return Workspace(Path(path).resolve()) if path is not None else Workspace.default()
