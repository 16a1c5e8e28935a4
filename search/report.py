"""A sweep as files and data: the front's table, its page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from search.config import SweepConfig
from search.front import ParetoFront
from search.standing import Standing
from search.trial import Trial


def table(trials: Iterable[Trial]) -> pd.DataFrame:
    """One row per trial: number, label, digest, every parameter that was chosen, every metric."""
    return pd.DataFrame(
        [
            {
                "trial": trial.number,
                "label": trial.label,
                "recipe": trial.recipe.digest,
                **{f"{step.name}.{key}": value for step in trial.recipe.steps for key, value in step.items},
                **trial.metrics,
            }
            for trial in trials
        ]
    )


def front_csv(front: ParetoFront, path: Path) -> None:
    """Write the front's members to the CSV file `path`."""
    table(front.members).to_csv(path, index=False)


def front_json(config: SweepConfig, standing: Standing) -> dict[str, Any]:
    """The front as plain data, for ``paredown front --json`` and notebooks."""
    return {
        "sweep": config.sweep,
        "objectives": {objective.name: objective.direction for objective in config.objectives},
        "constraints": [str(constraint) for constraint in config.constraints],
        "hypervolume": standing.hypervolume,
        "baseline": trial_json(standing.baseline) if standing.baseline else None,
        "front": [trial_json(trial) for trial in standing.front.members],
    }


def trial_json(trial: Trial) -> dict[str, Any]:
    """A trial as plain data."""
    return {
        "trial": trial.number,
        "label": trial.label,
        "state": trial.state,
        "recipe": trial.recipe.to_list(),
        "digest": trial.recipe.digest,
        "metrics": dict(trial.metrics),
        **({"intervals": dict(trial.result.intervals), "facts": dict(trial.result.facts)} if trial.result else {}),
        **({"reason": trial.result.reason} if trial.result and trial.result.reason else {}),
    }


def front_page(config: SweepConfig, standing: Standing, trials: Sequence[Trial]) -> str:
    """The front as an interactive page: one file of some kilobytes that needs no network."""
    members = {trial.number for trial in standing.front.members}
    data = {
        "sweep": config.sweep,
        "objectives": [{"name": o.name, "direction": o.direction} for o in config.objectives],
        "hypervolume": standing.hypervolume,
        "trials": [
            {
                "number": trial.number,
                "label": trial.label,
                "front": trial.number in members,
                "metrics": {name: float(f"{value:.6g}") for name, value in trial.metrics.items()},
            }
            for trial in trials
            if trial.state == "complete"
        ],
    }
    template = resources.files("search").joinpath("page.html").read_text(encoding="utf-8")
    # Within a script element, "</script" would end it and "<!--" begin a comment.
    return template.replace("/*DATA*/null", json.dumps(data).replace("<", "\\u003c"))
