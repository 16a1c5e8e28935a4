"""A sweep's numbers beside those of a remeasurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from search.analysis.pareto_probability import ParetoProbability, pareto_probability
from search.analysis.remeasurement import Remeasurement
from search.config.objective import Objective
from search.study.front import pareto_front
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Trial


@dataclass(frozen=True)
class BeforeAfter:
    """The changes that a remeasurement makes.

    Attributes:
        remeasurement: What was measured again.
        objectives: What is optimised.
        then: The trials of the remeasurement as the sweep recorded them, in the order of the first objective.
        now: The same trials as measured again.
        before: The numbers of those that are on the sweep's front.
        after: The numbers of those that are on the front of `now`.
        chances: How likely each is on the front by the new numbers.
        hypervolume: Of the front of `now`, with the baseline as measured again.
    """

    remeasurement: Remeasurement
    objectives: tuple[Objective, ...]
    then: tuple[Trial, ...]
    now: tuple[Trial, ...]
    before: frozenset[int]
    after: frozenset[int]
    chances: ParetoProbability
    hypervolume: float

    def fate(self, number: int) -> str:
        """The fate of a trial: stays on the front, leaves or joins it, is off it, or failed to be measured."""
        if any(trial.number == number and trial.state == "failed" for trial in self.now):
            return "failed"
        words = {(True, True): "stays", (True, False): "leaves", (False, True): "joins", (False, False): "off"}
        return words[number in self.before, number in self.after]


def compare(sweep: Sweep, remeasurement: Remeasurement) -> BeforeAfter:
    """The numbers of `sweep` beside those of `remeasurement`."""
    config = sweep.config
    now = remeasurement.measured(sweep.trials)
    # For the sweep's own targets, what was not measured again still counts with the numbers that it has.
    known = remeasurement.overlay(sweep.trials) if remeasurement.targets == config.targets else now
    state = SweepState.of(now, config)
    first = config.objectives[0]
    order = {t.number: (first.loss(t.metrics), t.number) for t in sweep.trials if t.state == "complete"}
    numbers = sorted((trial.number for trial in now), key=lambda number: order[number])
    then, again = ({trial.number: trial for trial in trials} for trials in (sweep.trials, now))
    return BeforeAfter(
        remeasurement,
        config.objectives,
        tuple(then[number] for number in numbers),
        tuple(again[number] for number in numbers),
        frozenset(trial.number for trial in sweep.state.front.members),
        frozenset(trial.number for trial in pareto_front(now, config.objectives, config.constraints).members),
        pareto_probability(known, config.objectives, config.constraints, seed=config.search.seed),
        state.hypervolume,
    )


def before_after_json(before_after: BeforeAfter) -> dict[str, Any]:
    """`before_after` as plain data, for ``paredown measure --json`` and notebooks."""
    remeasurement = before_after.remeasurement
    return {
        **remeasurement.targets.to_json(),
        "machine": remeasurement.machine,
        "versions": remeasurement.versions,
        "started": remeasurement.started,
        "hypervolume": before_after.hypervolume,
        "trials": [
            {
                "trial": then.number,
                "label": then.label,
                "before": {o.name: then.metrics[o.name] for o in before_after.objectives},
                "after": dict(now.metrics),
                "intervals": dict(now.intervals),
                "notes": dict(now.notes),
                "front": before_after.fate(then.number),
                "p_front": before_after.chances[then.number],
                **({"reason": now.failure.reason} if now.failure else {}),
            }
            for then, now in zip(before_after.then, before_after.now, strict=True)
        ],
    }


def before_after_table(before_after: BeforeAfter) -> pd.DataFrame:
    """One row per trial: what became of it, each objective as the sweep recorded it and as measured again."""
    rows = []
    for then, now in zip(before_after.then, before_after.now, strict=True):
        row: dict[str, Any] = {"trial": then.number, "label": then.label, "front": before_after.fate(then.number)}
        row["p_front"] = before_after.chances[then.number]
        for objective in before_after.objectives:
            name = objective.name
            low, high = now.intervals.get(name, (None, None))
            row |= {f"{name}.before": then.metrics[name], f"{name}.after": now.metrics.get(name)}
            row |= {f"{name}.low": low, f"{name}.high": high}
        rows.append(row)
    return pd.DataFrame(rows)
