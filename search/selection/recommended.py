"""Picks that are ready to take: what most people look for on a front, each with the command that gives it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.runtimes.targets import AT
from search.config.objective import Constraint, Objective
from search.config.sweep_config import LATENCY, SweepConfig
from search.errors import SweepError
from search.selection.choice import pick
from search.study.state import SweepState
from search.study.trial import Trial

POINT = 0.01
"""How much accuracy may be lost for a smaller file: one percentage point of the baseline's."""


@dataclass(frozen=True)
class RecommendedPick:
    """One member of the front.

    Attributes:
        name: What it is, in a word or two.
        trial: The member.
        command: What exports it.
    """

    name: str
    trial: Trial
    command: str


def recommended_picks(config: SweepConfig, state: SweepState) -> tuple[RecommendedPick, ...]:
    """The knee, the smallest file within one point of the baseline's accuracy, and the fastest, as far as they exist.

    A pick is left out where the sweep does not measure what it decides by, or where no member of the front is able.
    """
    wanted: list[tuple[str, Constraint | None, Objective | None]] = [("knee", None, None)]
    if state.baseline and "accuracy" in state.baseline.metrics:
        # Rounded down, so that the command says the very number that was decided by.
        bound = math.floor((state.baseline.metrics["accuracy"] - POINT) * 1e4) / 1e4
        near = Constraint("accuracy", ">=", bound)
        wanted.append(("smallest within 1 point", near, Objective("size_mb", "minimize")))
    for target in config.targets.names:
        name, latency = ("fastest", LATENCY) if not target else (f"fastest on {target}", f"{LATENCY}{AT}{target}")
        wanted.append((name, None, Objective(latency, "minimize")))
    found = (_ready(config, state, *each) for each in wanted)
    return tuple(each for each in found if each)


def _ready(
    config: SweepConfig, state: SweepState, name: str, near: Constraint | None, best: Objective | None
) -> RecommendedPick | None:
    members = state.front.members
    if not members or (best and any(best.name not in trial.metrics for trial in members)):
        return None
    try:
        trial = pick(state.front, [near] if near else [], best).trial
    except SweepError:  # nobody is that near
        return None
    options = f' --where "{near.name}{near.compare}{near.bound:g}"' if near else ""
    options += f" --minimize {best.name}" if best else " --knee"
    return RecommendedPick(name, trial, f"paredown pick {config.sweep}{options} --export out/")
