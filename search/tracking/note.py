"""The note on a sweep's run: what a person reads first in MLflow, as Markdown."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from search.config.objective import Objective
from search.config.sweep_config import SweepConfig
from search.reports.table import marked_label, number, remarks
from search.selection.recommended import RecommendedPick, recommended_picks
from search.study.state import SweepState, progress_text
from search.study.trial import Trial
from search.tracking.client import MAX_TAG
from search.tracking.links import Links
from spaces import NONE, Axis, counted

ARTIFACTS = {
    "pareto.html": "interactive front",
    "front.csv": "front as a table",
    "importance.png": "importances",
    "parallel.png": "parallel coordinates",
    "config.yaml": "sweep file",
}


GAP = "\N{NO-BREAK SPACE}" * 2
"""Between columns: the UI sets tables without any space, and cuts off ordinary blanks."""

MORE = "… and {} more in `front.csv`"

ROOM_FOR_COUNT = 8
"""Characters for the number in `MORE`, and the line breaks around it."""

CUT = "\n\n… cut here, as MLflow takes no longer note; the rest is in `config.yaml`"


def note(config: SweepConfig, state: SweepState, links: Links | None = None, budget: str = "") -> str:
    """A Markdown page: what came out, the next step, the recommended picks, the front and what was asked.

    Args:
        config: What was asked.
        state: What came out so far.
        links: Where things are in the UI; without it, nothing is linked.
        budget: How much of the budget is used, in words.

    Returns:
        Markdown that fits into a tag of MLflow; what is too long for that is cut, the front first, and the note says
        so.
    """
    picks = recommended_picks(config, state)
    head = [
        *_answer(config, state, picks, links, budget),
        "",
        *_links(links),
        *_picks(picks, links),
        *_front_head(config, state),
    ]
    foot = [*_remarks(state), "", *_asked(config)]
    room = MAX_TAG - len("\n".join([*head, *foot])) - len(MORE) - ROOM_FOR_COUNT
    rows = [_member(trial, state.baseline, config, links) for trial in state.front.members]
    shown = bisect_right(list(accumulate(len(row) + 1 for row in rows)), room)
    more = ["", MORE.format(len(rows) - shown)] if shown < len(rows) else []
    text = "\n".join([*head, *rows[:shown], *more, *foot])
    return text if len(text) <= MAX_TAG else text[: MAX_TAG - len(CUT)] + CUT


def _answer(
    config: SweepConfig, state: SweepState, picks: Sequence[RecommendedPick], links: Links | None, budget: str
) -> list[str]:
    """The two lines that the UI shows before anything is opened."""
    found = f"**{counted(len(state.front.members), 'configuration')} on the Pareto front**"
    if not state.front.members:
        found = "**No configuration is on the Pareto front yet**"
    charts = links.charts() if links else None
    look = f"[**look at the charts of all trials**]({charts})" if charts else ""
    if state.running:
        following = f"watch it: `paredown status {config.sweep}`"
    elif picks:
        following = "ship one of the recommended picks below"
    else:
        following = f"see why there is none: `paredown status {config.sweep}`"
    first = f"{found} · {progress_text(state, config.search.trials, budget)}"
    return [f"{first}  ", f"Next: {', '.join(filter(None, (look, following)))}"]


def _links(links: Links | None) -> list[str]:
    places = {text: links.artifact(name) for name, text in ARTIFACTS.items()} if links else {}
    shown = [f"[{text}]({place})" for text, place in places.items() if place]
    return [" · ".join(shown), ""] if shown else []


def _picks(picks: Sequence[RecommendedPick], links: Links | None) -> list[str]:
    if not picks:
        return []
    lines = [f"- **{each.name}**: trial {_trial(each.trial, links)}, `{each.command}`" for each in picks]
    return ["### Recommended picks", "", *lines, ""]


def _front_head(config: SweepConfig, state: SweepState) -> list[str]:
    names = [objective.name for objective in config.objectives]
    lines = ["### The front", "", f"| trial | recipe | {' | '.join(names)} |", _rule(len(names) + 2)]
    if state.baseline:
        cells = [_cell(state.baseline, None, objective) for objective in config.objectives]
        lines.append(_row(["baseline", state.baseline.label, *cells]))
    return lines


def _member(trial: Trial, baseline: Trial | None, config: SweepConfig, links: Links | None) -> str:
    cells = [_cell(trial, baseline, objective) for objective in config.objectives]
    return _row([_trial(trial, links), marked_label(trial), *cells])


def _remarks(state: SweepState) -> list[str]:
    """The reasons why the marked members' last steps did not help, each once."""
    found = [f"- {remark}" for remark in remarks(state.front.members)]
    return ["", *found] if found else []


def _asked(config: SweepConfig) -> list[str]:
    goals = ", ".join(f"{objective.direction} {objective.name}" for objective in config.objectives)
    axes = [axis for axis in config.space.axes if len(axis.values) > 1]
    asked = {
        "task": f"`{config.task.use}`",
        "objectives": goals,
        "constraints": ", ".join(map(str, config.constraints)) or "none",
        "targets" if config.targets.named else "target": str(config.targets),
        "budget": f"{config.search.extent} with {config.search.sampler}, seed {config.search.seed}",
        "space": f"{counted(config.space.size(), 'recipe')}: " + "; ".join(map(_axis, axes)),
    }
    return ["### What was asked", "", *(f"- {name}: {value}" for name, value in asked.items())]


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
