"""The note on a sweep's run: what a person reads first in MLflow, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from search.config.objective import Objective
from search.config.sweep_config import SweepConfig
from search.reports.table import number
from search.selection.recommended import RecommendedPick, recommended_picks
from search.study.state import SweepState, progress_text
from search.study.trial import Trial
from search.tracking.client import MAX_TAG
from search.tracking.links import Links
from spaces import NONE, Axis

ARTIFACTS = {
    "pareto.html": "interactive front",
    "front.csv": "front as a table",
    "importance.png": "importances",
    "parallel.png": "parallel coordinates",
    "config.yaml": "sweep file",
}


GAP = "\N{NO-BREAK SPACE}" * 2
"""Between columns: the UI sets tables without any space, and cuts off ordinary blanks."""


def note(config: SweepConfig, state: SweepState, links: Links | None = None, budget: str = "") -> str:
    """What came out, what to do next, what was asked.

    Args:
        config: What was asked.
        state: What came out so far.
        links: Where things are in the UI; without it, nothing is linked.
        budget: How much of the budget is used, in words.

    Returns:
        Markdown that fits into a tag of MLflow; a front that is too long for that is cut, and the note says so.
    """
    picks = recommended_picks(config, state)
    head = [
        *_answer(config, state, picks, links, budget),
        "",
        *_links(links),
        *_picks(config, state, picks, links),
    ]
    foot = ["", *_asked(config)]
    rows = _front(config, state, links)
    room = MAX_TAG - len("\n".join([*head, *foot])) - 200
    kept: list[str] = []
    for row in rows:
        if sum(map(len, kept)) + len(kept) + len(row) > room:
            kept += ["", f"… and {len(rows) - len(kept)} more in `front.csv`"]
            break
        kept.append(row)
    return "\n".join([*head, *kept, *foot])[:MAX_TAG]


def _answer(
    config: SweepConfig, state: SweepState, picks: Sequence[RecommendedPick], links: Links | None, budget: str
) -> list[str]:
    """The two lines that the UI shows before anything is opened."""
    found = f"**{len(state.front.members)} configurations on the Pareto front**"
    if not state.front.members:
        found = "**No configuration is on the Pareto front yet**"
    charts = links.charts() if links else None
    look = f"[**look at the charts of all trials**]({charts})" if charts else ""
    if state.running:
        following = f"watch it: `paredown status {config.sweep}`"
    elif picks:
        following = f"ship one: `{picks[0].command}`"
    else:
        following = f"see why there is none: `paredown status {config.sweep}`"
    first = f"{found} · {progress_text(state, config.search.trials, budget)}"
    return [f"{first}  ", f"Next: {', '.join(filter(None, (look, following)))}"]


def _links(links: Links | None) -> list[str]:
    places = {text: links.artifact(name) for name, text in ARTIFACTS.items()} if links else {}
    shown = [f"[{text}]({place})" for text, place in places.items() if place]
    return [" · ".join(shown), ""] if shown else []


def _picks(config: SweepConfig, state: SweepState, picks: Sequence[RecommendedPick], links: Links | None) -> list[str]:
    if not picks:
        return []
    names = [objective.name for objective in config.objectives]
    lines = ["### Ready picks", "", f"| pick | trial | recipe | {' | '.join(names)} | command |", _rule(len(names) + 4)]
    for each in picks:
        cells = [_cell(each.trial, state.baseline, objective) for objective in config.objectives]
        command = each.command.replace("|", r"\|")
        lines.append(_row([each.name, _trial(each.trial, links), each.trial.label, *cells, f"`{command}`"]))
    return [*lines, ""]


def _front(config: SweepConfig, state: SweepState, links: Links | None) -> list[str]:
    names = [objective.name for objective in config.objectives]
    lines = ["### The front", "", f"| trial | recipe | {' | '.join(names)} |", _rule(len(names) + 2)]
    baseline = state.baseline
    if baseline:
        cells = [_cell(baseline, None, objective) for objective in config.objectives]
        lines.append(_row(["baseline", baseline.label, *cells]))
    for trial in state.front.members:
        cells = [_cell(trial, baseline, objective) for objective in config.objectives]
        lines.append(_row([_trial(trial, links), trial.label, *cells]))
    return lines


def _asked(config: SweepConfig) -> list[str]:
    goals = ", ".join(f"{objective.direction} {objective.name}" for objective in config.objectives)
    axes = [axis for axis in config.space.axes if len(axis.values) > 1]
    notes = {
        "task": f"`{config.task.use}`",
        "objectives": goals,
        "constraints": ", ".join(map(str, config.constraints)) or "none",
        "target": str(config.target),
        "budget": f"{config.search.extent} with {config.search.sampler}, seed {config.search.seed}",
        "space": f"{config.space.size()} recipes: " + "; ".join(map(_axis, axes)),
    }
    return ["### What was asked", "", *(f"- {name}: {fact}" for name, fact in notes.items())]


def _axis(axis: Axis) -> str:
    values = axis.values
    if axis.step is not None:
        return f"{axis.name} {values[0]} to {values[-1]} by {axis.step:g}"
    return f"{axis.name} {', '.join('none' if value == NONE else str(value) for value in values)}"


def _cell(trial: Trial, baseline: Trial | None, objective: Objective) -> str:
    """The value, with its interval and, if less is better, its ratio to the baseline's."""
    value = trial.metrics.get(objective.name)
    interval = trial.intervals.get(objective.name)
    text = number(value)
    if interval:
        text += f" [{number(interval[0])}, {number(interval[1])}]"
    reference = baseline.metrics.get(objective.name) if baseline else None
    if value is not None and reference and objective.direction == "minimize":
        text += f" ({value / reference:.2f}×)"
    return text


def _trial(trial: Trial, links: Links | None) -> str:
    place = links.trial(trial.number) if links else None
    return f"[{trial.number}]({place})" if place else str(trial.number)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell + GAP for cell in cells)} |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns
