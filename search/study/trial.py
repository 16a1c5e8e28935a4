"""A trial: one recipe, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipelines import StageRun
from pipelines.evaluator import Unmeasured
from pipelines.ledger import OTHER
from pipelines.measurement import Interval, Measurement
from pipelines.whole_file import write_json
from search.study.earlier_format import todays_result
from search.study.outcome import Complete, Failed, Outcome, Stopped, outcome_from_json, outcome_to_json
from search.study.proposer import Proposer
from search.study.rung import Rung
from spaces import Recipe, Value

Series = Mapping[str, tuple[tuple[float, float], ...]]
"""Points (seconds since the epoch, value) by name."""

ELSEWHERE = "elsewhere"
"""Among a result's seconds, those after its worker had gone on to another trial: until its file was measured."""

STAGES = ("stages", "other_stages", "rung_stages")
"""The keys of a result's data that have stages."""

NOTHING = Measurement({})
"""What is known of a trial that is not complete."""


@dataclass(frozen=True)
class Result:
    """The result of a trial, as its worker wrote it down.

    Attributes:
        number: The trial.
        started: Seconds since the epoch.
        finished: Seconds since the epoch.
        outcome: How it ended.
        fidelity: How much of their epochs its trainings have run.
        stages: What each stage cost.
        other_stages: What those cost that only files in the formats of other targets needed.
        rung_stages: What was computed for it besides, while its trainings had run in part; see
            `search.execution.rung_runner`.
        seconds: What its time was spent on, by the accounts of `pipelines.ledger` and the names of stages; see `spent`.
        usage: What the worker's process used, if the trial was long; see `search.execution.usage`.
        unmeasured: What is to be measured yet before the trial has ended, if its file was built and is measured
            elsewhere; nothing of every trial that has ended. See `search.execution.lane`.
        node: The name of the machine on which its worker was; empty if that is not known.
    """

    number: int
    started: float
    finished: float
    outcome: Outcome
    fidelity: float = 1.0
    stages: tuple[StageRun, ...] = ()
    other_stages: tuple[StageRun, ...] = ()
    rung_stages: tuple[StageRun, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    usage: Series = field(default_factory=dict)
    unmeasured: tuple[Unmeasured, ...] = ()
    node: str = ""

    @property
    def worked_s(self) -> float:
        """Seconds for which it had a worker: not those in which its file was measured elsewhere, or waited for that."""
        return self.finished - self.started - self.seconds.get(ELSEWHERE, 0.0)

    @property
    def computed(self) -> tuple[StageRun, ...]:
        """The stages that were computed for the trial; what was found in the store is left out."""
        return tuple(stage for stage in self.all_stages if not stage.reused)

    @property
    def all_stages(self) -> tuple[StageRun, ...]:
        """The stages that the trial has asked for, computed or not."""
        return (*self.rung_stages, *self.stages, *self.other_stages)

    @property
    def spent(self) -> Mapping[str, float]:
        """The seconds from its start to its end by what they were spent on: they sum to all of them."""
        rest = self.finished - self.started - sum(self.seconds.values())
        return {**self.seconds, OTHER: self.seconds.get(OTHER, 0.0) + rest}

    def stop(self, why: str) -> Result:
        """The result of a trial that ends here: its numbers are those of an unfinished network and are left out."""
        return replace(self, outcome=Stopped(why))

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data = asdict(self) | {"outcome": outcome_to_json(self.outcome)}
        return data if self.unmeasured else {name: value for name, value in data.items() if name != "unmeasured"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The result that `to_json` wrote, of this version or an earlier one."""
        data = todays_result(data)
        runs = {name: tuple(StageRun(**stage) for stage in data.get(name, ())) for name in STAGES}
        usage = {name: tuple((at, value) for at, value in points) for name, points in data.get("usage", {}).items()}
        unmeasured = tuple(map(Unmeasured.from_json, data.get("unmeasured", ())))
        outcome = outcome_from_json(data["outcome"])
        return cls(**{**data, **runs, "usage": usage, "outcome": outcome, "unmeasured": unmeasured})

    def write(self, folder: Path) -> None:
        """Put the result down in `folder`: whole or not at all. Of a trial that has ended it is all that lies there."""
        write_json(_file(folder, self.number, bool(self.unmeasured)), self.to_json(), indent=None)
        if not self.unmeasured:
            forget_built(folder, self.number)

    @classmethod
    def read(cls, folder: Path, number: int) -> Result | None:
        """The result of trial `number` in `folder`, or None if there is none."""
        return cls._read(_file(folder, number))

    @classmethod
    def read_built(cls, folder: Path, number: int) -> Result | None:
        """What trial `number` has built and nobody has measured yet, or None if there is no such thing in `folder`."""
        return cls._read(_file(folder, number, built=True))

    @classmethod
    def _read(cls, file: Path) -> Result | None:
        try:
            return cls.from_json(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


def forget_built(folder: Path, number: int) -> None:
    """Remove from `folder` what trial `number` has built and nobody has measured, if it is there."""
    _file(folder, number, built=True).unlink(missing_ok=True)


def _file(folder: Path, number: int, built: bool = False) -> Path:
    return folder / f"{number}.{'built.' if built else ''}json"


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
    def outcome(self) -> Outcome | None:
        """Its outcome; None while it runs."""
        return self.result.outcome if self.result else None

    @property
    def state(self) -> Literal["running", "complete", "failed", "stopped"]:
        """Its state."""
        return self.outcome.state if self.outcome else "running"

    @property
    def failure(self) -> Failed | None:
        """Its outcome, if it has failed."""
        return self.outcome if isinstance(self.outcome, Failed) else None

    @property
    def measurement(self) -> Measurement:
        """Its measurement; empty unless complete."""
        return self.outcome.measurement if isinstance(self.outcome, Complete) else NOTHING

    @property
    def metrics(self) -> Mapping[str, float]:
        """Every number, by name; empty unless complete."""
        return self.measurement.metrics

    @property
    def intervals(self) -> Mapping[str, Interval]:
        """The 95 % confidence intervals of the metrics for which they are known; empty unless complete."""
        return self.measurement.intervals

    @property
    def notes(self) -> Mapping[str, str]:
        """The words that go with the numbers; empty unless complete."""
        return self.measurement.notes

    @property
    def model(self) -> str | None:
        """The key of its file in the store; None unless complete."""
        return self.outcome.model if isinstance(self.outcome, Complete) else None

    def absence(self, name: str) -> str:
        """The reason why the metric called `name` is not among its metrics, in words."""
        return self.notes.get(name) or "it was not measured"

    def at(self, fidelity: float) -> Rung | None:
        """The measurement at `fidelity` of its trainings, or None if it was not measured there."""
        return next((rung for rung in self.rungs if rung.fidelity == fidelity), None)

    def reach(self, rung: Rung) -> Trial:
        """This trial with one more rung; one of the same fidelity gives way to it."""
        others = (each for each in self.rungs if each.fidelity != rung.fidelity)
        return replace(self, rungs=tuple(sorted((*others, rung), key=lambda each: each.fidelity)))

    def finish(self, result: Result) -> Trial:
        """This trial with its result."""
        return replace(self, result=result)

    def measured(self, measurement: Measurement) -> Trial:
        """This complete trial with `measurement` in place of its own.

        Raises:
            ValueError: it is not complete.
        """
        if self.result is None or not isinstance(self.result.outcome, Complete):
            raise ValueError(f"trial {self.number} is not complete")
        return self.finish(replace(self.result, outcome=replace(self.result.outcome, measurement=measurement)))
