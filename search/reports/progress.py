"""The live display of a running sweep."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from search.config.budget import duration
from search.config.sweep_config import SweepConfig
from search.reports.table import front_table, number
from search.study.outcome import Complete, Failed, Stopped
from search.study.state import SweepState, progress_text
from search.study.trial import Trial
from search.suggest.budget_tracker import BudgetTracker
from spaces import counted

FRAME = 10
"""Lines of the display that are not members of the front."""


class LiveProgress:
    """Shows trials done, running and failed, the budget, the hypervolume, the time left, and the front so far.

    Off a terminal it prints one plain line per finished trial, so that logs stay readable.

    Args:
        config: The sweep.
        state: Where it stands at the start.
        console: Where to show it: standard error.
        trials: The trials at the start.
    """

    def __init__(self, config: SweepConfig, state: SweepState, console: Console, trials: Iterable[Trial] = ()) -> None:
        self._config, self._standing, self._console = config, state, console
        self._budget_tracker = BudgetTracker(config, trials)
        self._began, self._already = time.monotonic(), state.finished
        self._running: dict[int, str] = {}
        self._bar = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[text]}")
        )
        self._task: TaskID = self._bar.add_task(config.sweep, total=1.0, text="")
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveProgress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.started`."""
        self._running[trial.number] = trial.label
        self._standing = state
        self._budget_tracker.started(trial, state)

    def finished(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.finished`."""
        self._running.pop(trial.number, None)
        self._standing = state
        self._budget_tracker.finished(trial, state)
        if not self._console.is_terminal:
            self._console.print(self._line(trial), markup=False, highlight=False, soft_wrap=True)

    def _line(self, trial: Trial) -> str:
        planned, spent = self._config.search.trials, self._budget_tracker.progress
        count = f"{self._standing.finished}/{planned}" if planned else f"{self._standing.finished}"
        count = f"[{count} · {spent}]" if spent else f"[{count}]"
        return f"{count} trial {trial.number} {trial.label}: {self._ending(trial)}"

    def _ending(self, trial: Trial) -> str:
        match trial.outcome:
            case Failed() as failed:
                return f"failed: {failed.headline}"
            case Stopped(reason):
                return f"stopped: {reason}"
            case Complete(measurement):
                metrics, star = measurement.metrics, " *" if trial.number in self._standing.front else ""
                return "  ".join(f"{o.name} {number(metrics[o.name])}" for o in self._config.objectives) + star
            case None:
                return "running"
            case unknown:
                assert_never(unknown)

    def _render(self) -> RenderableType:
        state = self._standing
        text = progress_text(state, self._config.search.trials, self._budget_tracker.progress)
        self._bar.update(self._task, completed=self._share(), text=f"{text} · {self._time_left()}")
        parts: list[RenderableType] = [self._bar]
        if self._running:
            running = ", ".join(f"{n} {label}" for n, label in sorted(self._running.items())[:4])
            parts.append(Text(f"running: {running}", no_wrap=True, overflow="ellipsis"))
        if state.front.members:
            parts.append(self._front())
        return Group(*parts)

    def _front(self) -> Table:
        """The front as a table, with as many members, from all along it, as there is room for."""
        front = self._standing.front
        shown = front.thinned(max(1, self._console.height - FRAME))
        table = front_table(replace(self._standing, front=shown), self._config.objectives)
        if len(shown.members) < len(front.members):
            table.title = f"Pareto front: {len(shown.members)} of {counted(len(front.members), 'configuration')}"
        return table

    def _share(self) -> float:
        """The share of the sweep that is done, of the trials or of the budget, whichever is nearer to its end."""
        search, finished = self._config.search, self._standing.finished
        return max(
            finished / search.trials if search.trials else 0.0,
            1 - self._budget_tracker.left_s / search.budget.seconds if search.budget else 0.0,
        )

    def _time_left(self) -> str:
        if self._budget_tracker.is_used_up:
            running = len(self._running)
            return f"budget used up, finishing {counted(running, 'trial')}" if running else "budget used up"
        search, done = self._config.search, self._standing.finished - self._already
        left_s = self._budget_tracker.left_wall_s
        if search.trials and done:
            each_s = (time.monotonic() - self._began) / done
            left_s = min(left_s, each_s * (search.trials - self._standing.finished))
        return "starting" if left_s == float("inf") else f"{duration(left_s, parts=1)} left"
