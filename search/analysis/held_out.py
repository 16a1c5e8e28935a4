"""Results on the test split of trials that were chosen. Nothing that searches reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipelines import RUNTIMES, Evaluator
from pipelines.meters import Score, by_target, score_split
from pipelines.whole_file import write_json
from search.config.objective import Objective
from search.errors import SweepError
from search.study.front import losses, nondominated
from search.study.trial import Trial

TOLERANCE = 1e-6
"""How far the accuracy of the reloaded file may be from the measured one: it is the same file, data and runtime."""


@dataclass(frozen=True)
class HeldOut:
    """A file's accuracy, reloaded in a fresh session.

    Attributes:
        trial: Whose file.
        validation: On the split that the search saw.
        test: On the split that nothing had seen.
        opened: When the test split was opened for this trial, seconds since the epoch.
    """

    trial: int
    validation: Score
    test: Score
    opened: float

    def to_json(self) -> dict[str, Any]:
        """It as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeldOut:
        """Read what `to_json` wrote."""
        validation, test = (Score.from_json(data[split]) for split in ("validation", "test"))
        return cls(data["trial"], validation, test, data["opened"])


def hold_out(trial: Trial, evaluator: Evaluator, folder: Path) -> tuple[Path, HeldOut]:
    """Open the test split for `trial`, once: what came of it is kept in `folder`, and given again from there.

    Returns:
        The trial's file for the first target, rebuilt if the store has lost it; and its accuracies on the target where
        the one that the sweep measured is the worst, which is the trial's.

    Raises:
        SweepError: the reloaded file does not score what the sweep measured.
    """
    name = _worst(trial, evaluator)
    artifact, target = evaluator.build(trial.recipe, target=name).artifact, evaluator.targets[name]
    session = RUNTIMES[target.runtime].load(artifact, target)
    validation, measured = score_split(session, evaluator.task, "validation"), trial.metrics["accuracy"]
    if abs(validation.accuracy - measured) > TOLERANCE:
        raise SweepError(
            f"the reloaded file has a validation accuracy of {validation.accuracy:.6f}, but the sweep measured "
            f"{measured:.6f}: the data, the library versions or the machine have changed since; "
            f"measure again with: paredown run CONFIG --fresh"
        )
    known = held_out(folder).get(trial.number)
    if known is None:
        known = HeldOut(trial.number, validation, score_split(session, evaluator.task, "test"), time.time())
        write_json(folder / f"{trial.number}.json", known.to_json())
    return evaluator.build(trial.recipe).file, known


def _worst(trial: Trial, evaluator: Evaluator) -> str:
    """The name of the first target on which the accuracy of `trial` is the one that it has on all."""
    accuracies = {name: by_target.of(name, trial.measurement).metrics["accuracy"] for name in evaluator.targets.names}
    return min(accuracies, key=lambda name: accuracies[name])


def held_out(folder: Path) -> dict[int, HeldOut]:
    """The results that are kept in `folder`, by trial."""
    found = (HeldOut.from_json(json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json"))
    return {each.trial: each for each in sorted(found, key=lambda each: each.trial)}


def on_test(trial: Trial, found: HeldOut) -> Trial:
    """`trial` as the test split sees it: its accuracy and the task's other scores are those on test, all else stays."""
    again = found.test.measurement
    metrics = {**trial.metrics, **again.metrics}
    kept = {name: ends for name, ends in trial.intervals.items() if name not in again.metrics}
    return trial.measured(replace(trial.measurement, metrics=metrics, intervals={**kept, **again.intervals}))


def fronts_on_test(members: Sequence[Trial], objectives: Sequence[Objective]) -> tuple[list[int], list[int]]:
    """The worth of the validation front on the test split, at best and at worst.

    Source: M. Feurer, K. Eggensperger, E. Bergman, F. Pfisterer, B. Bischl and F. Hutter, "Mind the Gap: Measuring
    Generalization Performance Across Multiple Objectives", 2023.

    Args:
        members: The front's members, as `on_test` gives them.
        objectives: What is optimised.

    Returns:
        Numbers of the optimistic front's trials, which no other member dominates on test, and of the pessimistic
        front's, which dominate no other member there: the best and the worst that can be picked.
    """
    points = losses(members, objectives)
    numbers = [trial.number for trial in members]
    best, worst = (
        [number for number, keep in zip(numbers, nondominated(side), strict=True) if keep] for side in (points, -points)
    )
    return best, worst
