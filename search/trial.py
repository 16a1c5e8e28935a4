"""A trial: one recipe, and what came of it."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipelines import Outcome, StageRun, TrialFailed
from pipelines.meters import Interval
from search.usage import Series, Usage
from spaces import Recipe, Value

Evaluate = Callable[[Recipe], Outcome]
"""What a worker does with a recipe; `pipelines.Evaluator`, or a function with a known answer in tests."""

Proposer = Literal["baseline", "sampler", "leaf"]
"""Who proposes a recipe: nobody, for the uncompressed teacher; the sampler; or `search.leaves`."""


@dataclass(frozen=True)
class Result:
    """What came of a trial, as its worker wrote it down.

    Attributes:
        number: The trial.
        metrics: Every number, by name; empty if the trial failed.
        intervals: 95 % confidence intervals of the metrics for which they are known.
        facts: What goes with the numbers in words; see `pipelines.meters.Measurement`.
        reason: Why it failed; empty if it did not.
        details: The traceback of an unexpected failure.
        stages: What each stage cost.
        model: The key of the exported file in the store.
        seconds: What measuring cost others; see `pipelines.Outcome`.
        usage: What the worker's process used, if the trial was long; see `search.usage`.
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
    details: str = ""
    stages: tuple[StageRun, ...] = ()
    model: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    usage: Series = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The result that `to_json` wrote."""
        intervals = {name: (low, high) for name, (low, high) in data.get("intervals", {}).items()}
        stages = tuple(StageRun(**stage) for stage in data["stages"])
        usage = {name: tuple((at, value) for at, value in points) for name, points in data.get("usage", {}).items()}
        return cls(**{**data, "intervals": intervals, "stages": stages, "usage": usage})

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
    """

    number: int
    recipe: Recipe
    params: Mapping[str, Value]
    label: str
    started: float
    result: Result | None = None
    proposed: Proposer = "sampler"

    @property
    def state(self) -> Literal["running", "complete", "failed"]:
        """Where it stands."""
        if self.result is None:
            return "running"
        return "failed" if self.result.reason else "complete"

    @property
    def metrics(self) -> Mapping[str, float]:
        """Every number, by name; empty unless complete."""
        return self.result.metrics if self.result else {}

    def absence(self, name: str) -> str:
        """Why the metric called `name` is not among its metrics, in words."""
        return (self.result.facts.get(name) if self.result else None) or "it was not measured"

    def finish(self, result: Result) -> Trial:
        """This trial with its result."""
        return replace(self, result=result)


def run_trial(number: int, recipe: Recipe, evaluate: Evaluate) -> Result:
    """Do one trial's work. Whatever goes wrong in it becomes the reason of a failed result."""
    started, usage = time.time(), Usage()
    try:
        with usage:
            outcome = evaluate(recipe)
    except TrialFailed as error:
        return Result(number, started, time.time(), reason=error.reason, usage=usage.series)
    except MemoryError:
        reason = "out of memory; use a smaller batch, or raise cluster.cpus_per_trial so that fewer trials run at once"
        details = traceback.format_exc()
        return Result(number, started, time.time(), reason=reason, details=details, usage=usage.series)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        details = traceback.format_exc()
        return Result(number, started, time.time(), reason=reason, details=details, usage=usage.series)
    found = outcome.measurement
    return Result(
        number,
        started,
        time.time(),
        metrics=dict(found.metrics),
        intervals=dict(found.intervals),
        facts=dict(found.facts),
        stages=outcome.stages,
        model=outcome.model,
        seconds=dict(outcome.seconds),
        usage=usage.series,
    )
