"""A sweep as files and data: the front's table, its page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import METRICS
from pipelines.runtimes import bare
from search.analysis.held_out import fronts_on_test, on_test
from search.analysis.post_hoc import PostHoc
from search.config.sweep_config import SweepConfig
from search.reports import own_file
from search.study.front import ParetoFront
from search.study.outcome import Failed, Stopped
from search.study.state import SweepState
from search.study.trial import Trial

if TYPE_CHECKING:
    import pandas as pd


def table(trials: Iterable[Trial]) -> pd.DataFrame:
    """One row per trial: who it is and who proposed it, every parameter that was chosen, every metric.

    The ends of intervals stand in columns of their own, such as ``latency_ms.low`` and ``latency_ms.high``, after all
    metrics, and after them, such as ``energy_mj.absent``, why a trial lacks a metric that it need not have.
    """
    import pandas as pd  # slow to load, and most that is read is no table

    trials = list(trials)
    parts = (
        [{"trial": t.number, "label": t.label, "recipe": t.recipe.digest, "proposed_by": t.proposed} for t in trials],
        [{f"{step.name}.{key}": value for step in t.recipe.steps for key, value in step.items} for t in trials],
        [dict(t.metrics) for t in trials],
        [_ends(t) for t in trials],
        [{f"{name}.absent": words for name, words in t.notes.items() if bare(name) in METRICS} for t in trials],
    )
    return pd.concat([pd.DataFrame(part) for part in parts], axis=1)


def _ends(trial: Trial) -> dict[str, float]:
    return {
        f"{name}.{end}": value
        for name, ends in trial.intervals.items()
        for end, value in zip(("low", "high"), ends, strict=True)
    }


def front_csv(front: ParetoFront, path: Path) -> None:
    """Write the front's members to the CSV file `path`."""
    write_csv(table(front.members), path)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to the CSV file `path`.

    Raises:
        InputError: what lies there is another's.
    """
    own_file.write(path, frame.to_csv(index=False).encode())


def front_json(config: SweepConfig, state: SweepState, post_hoc: PostHoc | None = None) -> dict[str, Any]:
    """The front as plain data, for ``paredown front --json`` and notebooks."""
    data = {
        "sweep": config.sweep,
        "objectives": {objective.name: objective.direction for objective in config.objectives},
        "constraints": [str(constraint) for constraint in config.constraints],
        "hypervolume": state.hypervolume,
        "baseline": trial_json(state.baseline, post_hoc) if state.baseline else None,
        "front": [trial_json(trial, post_hoc) for trial in state.front.members],
    }
    if post_hoc:
        data["near"] = [trial_json(trial, post_hoc) for trial in post_hoc.near]
    return data


def trial_json(trial: Trial, post_hoc: PostHoc | None = None) -> dict[str, Any]:
    """A trial as plain data."""
    return {
        "trial": trial.number,
        "label": trial.label,
        "state": trial.state,
        "recipe": trial.recipe.to_list(),
        "digest": trial.recipe.digest,
        "metrics": dict(trial.metrics),
        **({"intervals": dict(trial.intervals), "notes": dict(trial.notes)} if trial.outcome else {}),
        **({"reason": trial.outcome.reason} if isinstance(trial.outcome, Failed | Stopped) else {}),
        **(_known(trial, post_hoc) if post_hoc else {}),
    }


def _known(trial: Trial, post_hoc: PostHoc) -> dict[str, Any]:
    """The findings of `post_hoc` on a trial, as plain data."""
    known: dict[str, Any] = {"p_front": post_hoc.p_front[trial.number]}
    if again := post_hoc.remeasured(trial.number):
        known["remeasured"] = {"metrics": dict(again.metrics), "intervals": dict(again.intervals)}
    if found := post_hoc.held_out.get(trial.number):
        known["held_out"] = found.to_json()
    return known


def front_page(config: SweepConfig, state: SweepState, trials: Sequence[Trial], post_hoc: PostHoc | None = None) -> str:
    """The front as an interactive page: one file of some kilobytes that needs no network."""
    data = {
        "sweep": config.sweep,
        "objectives": [{"name": o.name, "direction": o.direction} for o in config.objectives],
        "hypervolume": state.hypervolume,
        "trials": [
            {"front": trial.number in state.front, **_mark(trial, post_hoc)}
            for trial in trials
            if trial.state == "complete"
        ],
        **_test_fronts(config, state, post_hoc),
    }
    template = resources.files("search.reports").joinpath("page.html").read_text(encoding="utf-8")
    # Within a script element, "</script" would end it and "<!--" begin a comment.
    return template.replace("/*DATA*/null", json.dumps(data).replace("<", "\\u003c"))


def _mark(trial: Trial, post_hoc: PostHoc | None) -> dict[str, Any]:
    """A trial as the page draws it; what is not known is left out."""
    again = post_hoc.remeasured(trial.number) if post_hoc else None
    intervals = (again or trial.measurement).intervals
    mark: dict[str, Any] = {
        "number": trial.number,
        "label": trial.label,
        "metrics": {name: _short(value) for name, value in trial.metrics.items()},
    }
    if intervals:
        mark["intervals"] = {name: [_short(end) for end in ends] for name, ends in intervals.items()}
    if again:
        mark["again"] = {name: _short(value) for name, value in again.metrics.items()}
    if post_hoc and (chance := post_hoc.p_front[trial.number]):
        mark["p"] = chance
    if post_hoc and (found := post_hoc.held_out.get(trial.number)):
        mark["test"] = {"accuracy": _short(found.test.accuracy), "interval": found.test.interval}
    return mark


def _test_fronts(config: SweepConfig, state: SweepState, post_hoc: PostHoc | None) -> dict[str, Any]:
    """The optimistic and the pessimistic front on the test split, if that was opened for every member."""
    opened, members = (post_hoc.held_out if post_hoc else {}), state.front.members
    if not members or "accuracy" not in members[0].metrics or any(trial.number not in opened for trial in members):
        return {}
    best, worst = fronts_on_test([on_test(trial, opened[trial.number]) for trial in members], config.objectives)
    return {"optimistic": best, "pessimistic": worst}


def _short(value: float) -> float:
    return float(f"{value:.6g}")
