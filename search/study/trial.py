"""A trial: one recipe, and what came of it."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from pipelines import Outcome, StageRun, TrialFailed
from pipelines.meters import Interval
from search.errors import FullDiskError, is_full
from search.execution.usage import Series, Usage
from search.study.rung import Rung
from spaces import Recipe, Value


class Evaluate(Protocol):
    """What a worker does with a recipe; `pipelines.Evaluator`, or a function with a known answer in tests."""

    def __call__(self, recipe: Recipe, share: float = 1.0) -> Outcome:
        """What comes of `recipe` when its trainings, the teacher's apart, run `share` of their epochs.

        Raises:
            TrialFailed: the recipe cannot become a measured file.
        """


Proposer = Literal["baseline", "sampler", "leaf"]
"""Who proposes a recipe: nobody, for the uncompressed teacher; the sampler; or `search.suggest.suffix_variants`."""


@dataclass(frozen=True)
class Result:
    """What came of a trial, as its worker wrote it down.

    Attributes:
        number: The trial.
        metrics: Every number, by name; empty if the trial failed or was stopped.
        intervals: 95 % confidence intervals of the metrics for which they are known.
        facts: What goes with the numbers in words; see `pipelines.meters.Measurement`.
        reason: Why it failed; empty if it did not.
        stopped: Why it was stopped early; empty if it was not.
        details: The traceback of an unexpected failure.
        share: How much of their epochs its trainings have run.
        stages: What each stage cost.
        climbed: What was computed for it besides, while its trainings had run in part; see `search.execution.rung_runner`.
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
    facts: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    stopped: str = ""
    details: str = ""
    share: float = 1.0
    stages: tuple[StageRun, ...] = ()
    climbed: tuple[StageRun, ...] = ()
    model: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    usage: Series = field(default_factory=dict)

    @property
    def computed(self) -> tuple[StageRun, ...]:
        """The stages that were computed for the trial; what was found in the store is left out."""
        return tuple(stage for stage in (*self.climbed, *self.stages) if not stage.reused)

    def rung(self) -> Rung:
        """What it tells of the trial, if that goes on."""
        return Rung(self.share, self.metrics, self.intervals)

    def stop(self, why: str) -> Result:
        """The result of a trial that ends here: its numbers are those of an unfinished network and are left out."""
        return replace(self, metrics={}, intervals={}, facts={}, model="", stopped=why)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The result that `to_json` wrote."""
        intervals = {name: (low, high) for name, (low, high) in data.get("intervals", {}).items()}
        runs = {name: tuple(StageRun(**stage) for stage in data.get(name, ())) for name in ("stages", "climbed")}
        usage = {name: tuple((at, value) for at, value in points) for name, points in data.get("usage", {}).items()}
        return cls(**{**data, **runs, "intervals": intervals, "usage": usage})

    def write(self, folder: Path) -> None:
        """Put the result down in `folder`: whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{self.number}.{os.getpid()}"
        with draft.open("w", encoding="utf-8") as stream:
            json.dump(self.to_json(), stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, folder / f"{self.number}.json")

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
        rungs: What it had reached on its way, by growing share of its trainings; see `search.stopping.stopping`.
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
        return (self.result.facts.get(name) if self.result else None) or "it was not measured"

    def at(self, share: float) -> Rung | None:
        """What it had reached with `share` of its trainings, or None if it was not measured there."""
        return next((rung for rung in self.rungs if rung.share == share), None)

    def reach(self, rung: Rung) -> Trial:
        """This trial with one more rung; one of the same share gives way to it."""
        others = (each for each in self.rungs if each.share != rung.share)
        return replace(self, rungs=tuple(sorted((*others, rung), key=lambda each: each.share)))

    def finish(self, result: Result) -> Trial:
        """This trial with its result."""
        return replace(self, result=result)


def run_trial(number: int, recipe: Recipe, evaluate: Evaluate, share: float = 1.0) -> Result:
    """Do one trial's work, with `share` of its trainings. Whatever goes wrong becomes the reason of a failed result.

    Raises:
        FullDiskError: it could not be done for want of room.
    """
    started, usage = time.time(), Usage()

    def failed(reason: str, details: str = "") -> Result:
        return Result(number, started, time.time(), reason=reason, details=details, share=share, usage=usage.series)

    try:
        with usage:
            # A function of the recipe alone will do where no trial is stopped on its way.
            outcome = evaluate(recipe) if share == 1 else evaluate(recipe, share)
    except TrialFailed as error:
        return failed(error.reason)
    except MemoryError:
        reason = "out of memory; use a smaller batch, or raise cluster.cpus_per_trial so that fewer trials run at once"
        return failed(reason, traceback.format_exc())
    except Exception as error:
        if is_full(error):
            raise FullDiskError.of(error) from error
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return failed(reason, traceback.format_exc())
    found = outcome.measurement
    return Result(
        number,
        started,
        time.time(),
        metrics=dict(found.metrics),
        intervals=dict(found.intervals),
        facts=dict(found.facts),
        share=share,
        stages=outcome.stages,
        model=outcome.model,
        seconds=dict(outcome.seconds),
        usage=usage.series,
    )
