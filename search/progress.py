"""The live display of a running sweep."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from search.config import SweepConfig
from search.standing import Standing
from search.table import number
from search.trial import Trial


class LiveProgress:
    """Shows trials done, running and failed, the best so far, the hypervolume and the time left.

    Off a terminal it prints one plain line per finished trial, so that logs stay readable.

    Args:
        config: The sweep.
        standing: Where it stands at the start.
        console: Where to show it: standard error.
    """

    def __init__(self, config: SweepConfig, standing: Standing, console: Console) -> None:
        self._config, self._standing, self._console = config, standing, console
        self._began, self._already = time.monotonic(), standing.finished
        self._running: dict[int, str] = {}
        self._bar = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[text]}")
        )
        self._task: TaskID = self._bar.add_task(
            config.sweep, total=config.search.trials, completed=standing.finished, text=""
        )
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveProgress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, trial: Trial, standing: Standing) -> None:
        """See `Observer.started`."""
        self._running[trial.number] = trial.label
        self._standing = standing

    def finished(self, trial: Trial, standing: Standing) -> None:
        """See `Observer.finished`."""
        self._running.pop(trial.number, None)
        self._standing = standing
        if not self._console.is_terminal:
            self._console.print(self._line(trial), markup=False, highlight=False, soft_wrap=True)

    def _line(self, trial: Trial) -> str:
        count = f"[{self._standing.finished}/{self._config.search.trials}]"
        if trial.result and trial.result.reason:
            return f"{count} trial {trial.number} {trial.label}: failed: {trial.result.reason.splitlines()[0]}"
        values = "  ".join(f"{o.name} {number(trial.metrics.get(o.name))}" for o in self._config.objectives)
        star = " *" if trial.number in self._standing.front else ""
        return f"{count} trial {trial.number} {trial.label}: {values}{star}"

    def _render(self) -> RenderableType:
        standing, total = self._standing, self._config.search.trials
        text = f"{standing.finished}/{total} done · {len(self._running)} running · {standing.failed} failed"
        self._bar.update(self._task, completed=standing.finished, text=f"{text} · {self._time_left()}")
        facts = Table.grid(padding=(0, 2))
        facts.add_row("front", f"{len(standing.front.members)} configurations, hypervolume {standing.hypervolume:.4f}")
        for objective in self._config.objectives if standing.front.members else ():
            best = min(standing.front.members, key=lambda trial: objective.loss(trial.metrics))
            facts.add_row(f"best {objective.name}", f"{number(best.metrics.get(objective.name))}  {best.label}")
        if self._running:
            facts.add_row("running", ", ".join(f"{n} {label}" for n, label in sorted(self._running.items())[:4]))
        return Group(self._bar, facts)

    def _time_left(self) -> str:
        done = self._standing.finished - self._already
        if not done:
            return "starting"
        left_s = (time.monotonic() - self._began) / done * (self._config.search.trials - self._standing.finished)
        return f"{left_s / 60:.0f} min left" if left_s >= 90 else f"{left_s:.0f} s left"
