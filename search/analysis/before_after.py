"""A sweep's numbers beside those of a measuring campaign."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from search.analysis.pareto_probability import Membership, membership
from search.analysis.remeasurement import Campaign
from search.config.objective import Objective
from search.study.front import pareto_front
from search.study.saved import Sweep
from search.study.state import Standing
from search.study.trial import Trial
from search.tracking.annotation import Annotation


@dataclass(frozen=True)
class Comparison:
    """What a campaign changes.

    Attributes:
        campaign: What was measured again.
        objectives: What is optimised.
        then: The trials of the campaign as the sweep recorded them, in the order of the first objective.
        now: The same trials as measured again.
        before: The numbers of those that are on the sweep's front.
        after: The numbers of those that are on the front of `now`.
        chances: How likely each is on the front by the new numbers.
        hypervolume: Of the front of `now`, with the baseline as measured again.
    """

    campaign: Campaign
    objectives: tuple[Objective, ...]
    then: tuple[Trial, ...]
    now: tuple[Trial, ...]
    before: frozenset[int]
    after: frozenset[int]
    chances: Membership
    hypervolume: float

    def fate(self, number: int) -> str:
        """What became of a trial: stays on the front, leaves or joins it, is off it, or failed to be measured."""
        if any(trial.number == number and trial.state == "failed" for trial in self.now):
            return "failed"
        words = {(True, True): "stays", (True, False): "leaves", (False, True): "joins", (False, False): "off"}
        return words[number in self.before, number in self.after]


def compare(sweep: Sweep, campaign: Campaign) -> Comparison:
    """The numbers of `sweep` beside those of `campaign`."""
    config = sweep.config
    now = campaign.measured(sweep.trials)
    # For the sweep's own target, what was not measured again still counts with the numbers that it has.
    known = campaign.overlay(sweep.trials) if campaign.target == config.target else now
    standing = Standing.of(now, config)
    first = config.objectives[0]
    order = {t.number: (first.loss(t.metrics), t.number) for t in sweep.trials if t.state == "complete"}
    numbers = sorted((trial.number for trial in now), key=lambda number: order[number])
    then, again = ({trial.number: trial for trial in trials} for trials in (sweep.trials, now))
    return Comparison(
        campaign,
        config.objectives,
        tuple(then[number] for number in numbers),
        tuple(again[number] for number in numbers),
        frozenset(trial.number for trial in sweep.standing.front.members),
        frozenset(trial.number for trial in pareto_front(now, config.objectives, config.constraints).members),
        membership(known, config.objectives, config.constraints, seed=config.search.seed),
        standing.hypervolume,
    )


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison as plain data, for ``paredown measure --json`` and notebooks."""
    campaign = comparison.campaign
    return {
        "target": campaign.target.model_dump(),
        "machine": campaign.machine,
        "versions": campaign.versions,
        "started": campaign.started,
        "hypervolume": comparison.hypervolume,
        "trials": [
            {
                "trial": then.number,
                "label": then.label,
                "before": {o.name: then.metrics[o.name] for o in comparison.objectives},
                "after": dict(now.metrics),
                "intervals": dict(now.result.intervals) if now.result else {},
                "facts": dict(now.result.facts) if now.result else {},
                "front": comparison.fate(then.number),
                "p_front": comparison.chances[then.number],
                **({"reason": now.result.reason} if now.result and now.result.reason else {}),
            }
            for then, now in zip(comparison.then, comparison.now, strict=True)
        ],
    }


def comparison_table(comparison: Comparison) -> pd.DataFrame:
    """One row per trial: what became of it, each objective as the sweep recorded it and as measured again."""
    rows = []
    for then, now in zip(comparison.then, comparison.now, strict=True):
        row: dict[str, Any] = {"trial": then.number, "label": then.label, "front": comparison.fate(then.number)}
        row["p_front"] = comparison.chances[then.number]
        for objective in comparison.objectives:
            name = objective.name
            low, high = (now.result.intervals.get(name) if now.result else None) or (None, None)
            row |= {f"{name}.before": then.metrics[name], f"{name}.after": now.metrics.get(name)}
            row |= {f"{name}.low": low, f"{name}.high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def comparison_annotation(sweep: Sweep, comparison: Comparison) -> Annotation:
    """What MLflow is to show of it: numbers on the trials' runs, the table on the parent's."""
    campaign = comparison.campaign
    target = campaign.target
    own = target == sweep.config.target
    where = "" if own else f"{target.runtime}-{target.device}-b{target.batch}-t{target.threads}/"
    names = [objective.name for objective in comparison.objectives]  # the files have the others
    metrics = {
        trial.number: {f"remeasured/{where}{name}": trial.metrics[name] for name in names}
        for trial in comparison.now
        if trial.metrics
    }
    data = json.dumps(comparison_json(comparison), indent=1, ensure_ascii=False)
    files = {
        f"measurements/{campaign.name}.csv": comparison_table(comparison).to_csv(index=False),
        f"measurements/{campaign.name}.json": data,
    }
    return Annotation(metrics, {}, files)
