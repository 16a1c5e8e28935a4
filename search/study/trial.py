"""A trial: one recipe, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipelines import StageRun
from pipelines.meters import Interval
from pipelines.whole_file import write_json
from search.config.objective import Constraint, is_structural
from search.study.rung import Rung
from spaces import Recipe, Value

Series = Mapping[str, tuple[tuple[float, float], ...]]
"""Points (seconds since the epoch, value) by name."""

Proposer = Literal["baseline", "sampler", "suffix"]
"""Who proposes a recipe: nobody, for the uncompressed teacher; the sampler; or `search.suggest.suffix_variants`."""


@dataclass(frozen=True)
class Result:
    """What came of a trial, as its worker wrote it down.

    Attributes:
        number: The trial.
        metrics: Every number, by name; empty if the trial failed or was stopped.
        intervals: 95 % confidence intervals of the metrics for which they are known.
        notes: What goes with the numbers in words; see `pipelines.meters.Measurement`.
        reason: Why it failed; empty if it did not.
        stopped: Why it was stopped early; empty if it was not.
        details: The traceback of an unexpected failure.
        fidelity: How much of their epochs its trainings have run.
        stages: What each stage cost.
        rung_stages: What was computed for it besides, while its trainings had run in part; see
            `search.execution.rung_runner`.
        model: The key of the exported file in the store.
        seconds: What measuring cost others; see `pipelines.Outcome`.
        usage: What the worker's process used, if the trial was long; see `search.execution.usage`.
        started: Seconds since the epoch.
        finished: Seconds since the epoch.
    """

    number: int
    started: float
    finished: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    stopped: str = ""
    details: str = ""
    fidelity: float = 1.0
    stages: tuple[StageRun, ...] = ()
    rung_stages: tuple[StageRun, ...] = ()
    model: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    usage: Series = field(default_factory=dict)

    @property
    def computed(self) -> tuple[StageRun, ...]:
        """The stages that were computed for the trial; what was found in the store is left out."""
        return tuple(stage for stage in (*self.rung_stages, *self.stages) if not stage.reused)

    def rung(self) -> Rung:
        """What it tells of the trial, if that goes on."""
        return Rung(self.fidelity, self.metrics, self.intervals)

    def stop(self, why: str) -> Result:
        """The result of a trial that ends here: its numbers are those of an unfinished network and are left out."""
        return replace(self, metrics={}, intervals={}, notes={}, model="", stopped=why)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The result that `to_json` wrote."""
        intervals = {name: (low, high) for name, (low, high) in data.get("intervals", {}).items()}
        runs = {name: tuple(StageRun(**stage) for stage in data.get(name, ())) for name in ("stages", "rung_stages")}
        usage = {name: tuple((at, value) for at, value in points) for name, points in data.get("usage", {}).items()}
        return cls(**{**data, **runs, "intervals": intervals, "usage": usage})

    def write(self, folder: Path) -> None:
        """Put the result down in `folder`: whole or not at all."""
        write_json(folder / f"{self.number}.json", self.to_json(), indent=None)

    @classmethod
    def read(cls, folder: Path, number: int) -> Result | None:
        """The result of trial `number` in `folder`, or None if there is none."""
        try:
            return cls.from_json(json.loads((folder / f"{number}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


@dataclass(frozen=True)
class Trial:
    """One recipe of a sweep.

    Attributes:
        number: 0 is the uncompressed teacher.
        recipe: What is done.
        params: The values that were chosen, by full name.
        label: The recipe in short, for people.
        started: When it was first asked for, seconds since the epoch.
        result: What came of it, or None while it runs.
        proposed: Who proposed it.
        rungs: What it had reached on its way, by growing fidelity of its trainings; see `search.stopping.stopping`.
    """

    number: int
    recipe: Recipe
    params: Mapping[str, Value]
    label: str
    started: float
    result: Result | None = None
    proposed: Proposer = "sampler"
    rungs: tuple[Rung, ...] = ()

    @property
    def state(self) -> Literal["running", "complete", "failed", "stopped"]:
        """Where it stands."""
        if self.result is None:
            return "running"
        if self.result.stopped:
            return "stopped"
        return "failed" if self.result.reason else "complete"

    @property
    def metrics(self) -> Mapping[str, float]:
        """Every number, by name; empty unless complete."""
        return self.result.metrics if self.result else {}

    def absence(self, name: str) -> str:
        """Why the metric called `name` is not among its metrics, in words."""
        return (self.result.notes.get(name) if self.result else None) or "it was not measured"

    def at(self, fidelity: float) -> Rung | None:
        """What it had reached with `fidelity` of its trainings, or None if it was not measured there."""
        return next((rung for rung in self.rungs if rung.fidelity == fidelity), None)

    def reach(self, rung: Rung) -> Trial:
        """This trial with one more rung; one of the same fidelity gives way to it."""
        others = (each for each in self.rungs if each.fidelity != rung.fidelity)
        return replace(self, rungs=tuple(sorted((*others, rung), key=lambda each: each.fidelity)))

    def finish(self, result: Result) -> Trial:
        """This trial with its result."""
        return replace(self, result=result)


def structural_violations(trial: Trial, constraints: Iterable[Constraint]) -> dict[str, float]:
    """By how much each bound on the structure is missed, by its text, as far as `trial` came; see `Constraint`."""
    metrics = trial.rungs[-1].metrics if trial.rungs else {}
    known = (c for c in constraints if is_structural(c.name) and c.name in metrics)
    return {str(constraint): constraint.violation(metrics) for constraint in known}
