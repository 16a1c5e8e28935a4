"""Trials as tables in the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from pipelines.diagnosis import remark_kind
from pipelines.meters import Score
from search.analysis.post_hoc import PostHoc
from search.config.objective import Objective
from search.selection.recommended import RecommendedPick
from search.study.state import SweepState
from search.study.trial import Trial
from spaces import counted, noun

MARK = "†"
"""Stands beside members of a front of which there is something to say."""


def number(value: float | None) -> str:
    """`value` with four significant digits, or that there is none."""
    if value is None:
        return "not available"
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def score_cells(score: Score) -> tuple[str, str, str]:
    """An accuracy, its interval and of how many examples it is the mean."""
    interval = "–".join(map(number, score.interval)) if score.interval else "not known"
    return number(score.accuracy), interval, str(score.examples)


def front_table(
    state: SweepState,
    objectives: Sequence[Objective],
    post_hoc: PostHoc | None = None,
    *,
    picks: Sequence[RecommendedPick] = (),
    near: bool = False,
) -> Table:
    """The front, best in the first objective first, with the baseline above it and ratios to the baseline.

    Recommended picks have a letter each, which the title explains. Members whose last step did not help are marked;
    below the table each reason stands once, with its trials.

    Args:
        state: Where the sweep stands.
        objectives: The metrics to show.
        post_hoc: Adds how likely each member is on the front.
        picks: The members to mark as recommended.
        near: Add the trials near the front, below it.
    """
    members, close = state.front.members, post_hoc.near if post_hoc and near else ()
    letters = _letters(picks)
    size = counted(len(members), "configuration")
    title = [f"Pareto front: {size}", *(f"{letters[pick.name]} {pick.name}" for pick in picks)]
    table = Table(
        title=" · ".join(title),
        caption_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("trial", justify="right", no_wrap=True)
    if picks:
        table.add_column("pick", no_wrap=True)
    table.add_column("recipe")
    for objective in objectives:
        table.add_column(objective.name, justify="right", no_wrap=True)
    if post_hoc:
        table.add_column("p(front)", justify="right", no_wrap=True)
    baseline = state.baseline
    if baseline:
        values = [number(baseline.metrics.get(objective.name)) for objective in objectives]
        label = RecipeLabel(f"{baseline.label} (baseline)")
        marks = [""] if picks else []
        table.add_row(str(baseline.number), *marks, label, *values, *_chance(baseline, post_hoc), style="dim")
    for trial in (*members, *close):
        cells = [_cell(trial, baseline, objective) for objective in objectives] + _chance(trial, post_hoc)
        name, style = (str(trial.number), None) if trial.number in state.front else (f"near {trial.number}", "dim")
        marks = ["".join(letters[pick.name] for pick in picks if pick.trial.number == trial.number)] if picks else []
        label = RecipeLabel(marked_label(trial))
        table.add_row(name, *marks, label, *cells, style=style, end_section=bool(close) and trial is members[-1])
    table.caption = "\n".join(map(escape, remarks((*members, *close)))) or None
    return table


@dataclass(frozen=True)
class RecipeLabel:
    """A recipe's label as a cell, which a narrow terminal breaks between the steps only."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [""]
        for part in self._parts:
            if lines[-1] and len(lines[-1] + part.rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += part
        yield Text("\n".join(line.rstrip() for line in lines), overflow="fold")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(max(len(part.rstrip()) for part in self._parts), len(self.text))

    @property
    def _parts(self) -> list[str]:
        """The steps and what follows them, each with what joins it to the next."""
        return re.findall(r"[^·]+(?:·|$)", self.text)


def marked_label(trial: Trial) -> str:
    """The recipe of `trial`, marked if its last step did not help."""
    return f"{trial.label} {MARK}" if _remark(trial) else trial.label


def remarks(trials: Sequence[Trial]) -> list[str]:
    """One line for each reason why the last step did not help, with the trials that it holds for."""
    found: dict[str, list[int]] = {}
    for trial in trials:
        if said := _remark(trial):
            found.setdefault(said, []).append(trial.number)
    return [f"{MARK} {_trials(numbers)}: {said}" for said, numbers in found.items()]


def next_steps(sweep: str, picks: Sequence[RecommendedPick], near: int = 0) -> str:
    """The commands to type next, one a line: the trials near the front, if any are left out, and the first pick."""
    lines = [f"{near} more near the front: paredown front {sweep} --near"] if near else []
    lines += [f"ship the {picks[0].name}: {picks[0].command}"] if picks else []
    return "\n".join(lines)


def _letters(picks: Sequence[RecommendedPick]) -> dict[str, str]:
    """By what each pick is marked, by its name: its first letter, with a number where several have the same."""
    same: dict[str, list[str]] = {}
    for pick in picks:
        same.setdefault(pick.name[0].upper(), []).append(pick.name)
    return {
        name: letter if len(names) == 1 else f"{letter}{index}"
        for letter, names in same.items()
        for index, name in enumerate(names, 1)
    }


def _trials(numbers: Sequence[int]) -> str:
    return f"{noun(len(numbers), 'trial')} {', '.join(map(str, numbers))}"


def _remark(trial: Trial) -> str:
    return remark_kind(trial.notes)


def _chance(trial: Trial, post_hoc: PostHoc | None) -> list[str]:
    """The cell that says how likely a trial is on the front, if that is asked for."""
    return [f"{post_hoc.p_front[trial.number]:.2f}"] if post_hoc else []


def _cell(trial: Trial, baseline: Trial | None, objective: Objective) -> str:
    """The value; for a minimised objective with its ratio to the baseline's."""
    value, base = trial.metrics.get(objective.name), baseline.metrics.get(objective.name) if baseline else None
    if value is None or not base or objective.direction == "maximize":
        return number(value)
    return f"{number(value)} [dim]{value / base:.2f}×[/dim]"
