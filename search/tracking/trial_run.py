"""The content of a trial's run in MLflow, made from the trial alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import assert_never

from search.config.sweep_config import SweepConfig
from search.reports.plot import BASELINE, DOMINATED, FRONT
from search.study.outcome import Complete, Failed, Outcome, Stopped
from search.study.trial import Trial
from search.tracking.client import COLOR, MAX_TAG, NOTE, PARETO, tracked
from spaces import NONE, digest

RESULT = "paredown.result"
"""The tag with the digest of the result that the run shows: a run without it is not finished."""


def params(trial: Trial, config: SweepConfig) -> dict[str, str]:
    """The parameters by the names that they have in the sweep's file, without those that do not apply.

    The switches of all steps that the sweep varies are always among them, so that runs can be compared by them; the
    uncompressed teacher has ``none`` for each.
    """
    switches = {step.switch.name: NONE for step in config.space.steps}
    never = {axis.name for axis in config.space.axes if axis.values == (NONE,)}
    chosen = {**switches, **trial.params}
    return {name: str(value) for name, value in chosen.items() if name not in never}


def metrics(trial: Trial, config: SweepConfig) -> dict[str, float]:
    """Every number of a finished trial: bare if the sweep's file names it, else as ``group/name``."""
    result = trial.result
    if result is None:
        return {}
    asked = {*(o.name for o in config.objectives), *(c.name for c in config.constraints)}
    found = {name if name in asked else f"measured/{name}": value for name, value in trial.metrics.items()}
    for name, (low, high) in trial.intervals.items():
        found |= {f"interval/{name}_low": low, f"interval/{name}_high": high}
    found |= {f"seconds/{stage.name}": stage.seconds for stage in result.stages}
    found |= {f"spent/{name}": seconds for name, seconds in result.spent.items()}
    found["seconds/trial"] = result.finished - result.started
    return {tracked(name): value for name, value in found.items()}


def usage(trial: Trial) -> Iterator[tuple[str, int, float, float]]:
    """The usage of a long trial's worker, as MLflow's system metrics: name, step, seconds since the epoch, value."""
    for name, points in trial.result.usage.items() if trial.result else ():
        yield from ((f"system/{name}", step, at, value) for step, (at, value) in enumerate(points))


def tags(trial: Trial) -> dict[str, str]:
    """The tags that say in words what came of a finished trial; values are cut to what MLflow takes."""
    result = trial.result
    if result is None:
        return {}
    reused = ",".join(stage.name for stage in result.stages if stage.reused)
    found = {**_outcome_tags(result.outcome), "stages.reused": reused, RESULT: result_digest(trial)}
    if result.node:
        found["node"] = result.node
    return {tracked(name): value[:MAX_TAG] for name, value in found.items()}


def _outcome_tags(outcome: Outcome) -> dict[str, str]:
    match outcome:
        case Complete(measurement, model):
            return {**measurement.notes, "model.key": model}
        case Failed(reason):
            return {"model.key": "", "failure": reason, NOTE: f"Failed: {reason}"}
        case Stopped(reason):
            return {"model.key": "", "stopped": reason, NOTE: f"Stopped: {reason}"}
        case unknown:
            assert_never(unknown)


def first_tags(trial: Trial) -> dict[str, str]:
    """The tags of a trial that are known before it runs."""
    recipe = {
        "recipe.digest": trial.recipe.digest,
        "recipe": json.dumps(trial.recipe.to_list()),
        "proposed_by": trial.proposed,
    }
    return recipe | pareto_tags(trial.number, False)


def pareto_tags(number: int, on_front: bool) -> dict[str, str]:
    """The tags that say whether a trial is on the front, and its colour in the UI's charts for that."""
    color = BASELINE if number == 0 else FRONT if on_front else DOMINATED
    return {PARETO: "true" if on_front else "false", COLOR: color}


def result_digest(trial: Trial) -> str:
    """A digest of everything that a finished trial says; empty while it runs."""
    if trial.result is None:
        return ""
    return digest(json.dumps(trial.result.to_json(), sort_keys=True))  # as text: a metric may be NaN, which no key may
