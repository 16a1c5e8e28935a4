"""A record of a whole space: what every recipe measured, which stages it needs and what each of them took.

`benchmarks/reuse.py record` makes one by running every recipe through Paredown's own pipeline, and replays it.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch

from pipelines import STEPS, Evaluator, Targets, Training, TrialFailed
from pipelines.ledger import WAITS, Ledger
from spaces import Recipe, SearchSpace, Value

METRICS = ("accuracy", "latency_ms", "size_mb")
"""What is kept of a measurement."""

SHORT = 8
"""Digits of a key that are kept: enough to tell a few thousand stages apart."""

DONE = "measured.jsonl"
"""What was measured so far, a line for each recipe: in the store's folder, to go on after an interruption."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Job:
    """What is recorded.

    Attributes:
        use: The task, as in `pipelines.load_task`.
        args: Its arguments, without the place of the data.
        training: How networks are trained.
        space: The ``space`` section.
    """

    use: str
    args: Mapping[str, Any]
    training: Training
    space: Mapping[str, Any]


def space_of(*depths: int) -> dict[str, Any]:
    """600 recipes: 15 students, each in 4 widths, each in 10 forms on the disk."""
    return {
        "student": {"depth": list(depths)},
        "distillation": {"alpha": [0.0, 0.5, 0.9], "temperature": [2, 6]},
        "pruning": {"method": ["none", "channel"], "ratio": [0.25, 0.5, 0.75]},
        "quantization": {
            "scheme": ["none", "fp16", "dynamic-int8", "weight-int8", "static-int8"],
            "calibrator": ["minmax", "entropy", "percentile"],
            "granularity": ["channel", "tensor"],
        },
    }


JOBS: Mapping[str, Job] = {
    "fashion": Job(
        "benchmarks.mnist:Mnist",
        {"batch_size": 512, "shift": 0},
        Training(teacher_epochs=20, student_epochs=30, finetune_epochs=10),
        space_of(2, 3, 4),
    ),
    "digits": Job("digits", {}, Training(teacher_epochs=60, student_epochs=80, finetune_epochs=25), space_of(1, 2, 3)),
}


@dataclass(frozen=True)
class Row:
    """One recipe of a record.

    Attributes:
        params: Its parameters by full name; none for the uncompressed teacher.
        metrics: What was measured, by name.
        chain: The keys of the stages that its trial needs, each after those that it follows; its parent's and the
            teacher's included.
        measuring: Seconds of the trial when every stage is there and no other trial measures: loading and measuring.
    """

    params: Mapping[str, Value]
    metrics: Mapping[str, float]
    chain: tuple[str, ...]
    measuring: float


@dataclass(frozen=True)
class Record:
    """A space of which everything is known.

    Attributes:
        space: The ``space`` section.
        rows: The recipes, the teacher first.
        stages: By key, the name and the seconds of every stage, as it was computed.
        about: The conditions, in words.
    """

    space: Mapping[str, Any]
    rows: tuple[Row, ...]
    stages: Mapping[str, tuple[str, float]]
    about: Mapping[str, Any] = field(default_factory=dict)

    def write(self, file: Path) -> None:
        """Write it as JSON, packed, a line for each recipe; parameters that never change are left out."""
        rows = [
            {**_varying(self.space, row.params), "=": [*row.metrics.values(), row.measuring], ":": " ".join(row.chain)}
            for row in self.rows
        ]
        head = {"about": dict(self.about), "space": dict(self.space), "metrics": [*METRICS, "measuring"]}
        stages = {key: [name, seconds] for key, (name, seconds) in self.stages.items()}
        text = json.dumps({**head, "stages": stages})[:-1] + ',\n"rows": [\n'
        text += ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]}\n"
        file.write_bytes(gzip.compress(text.encode(), mtime=0))

    @classmethod
    def read(cls, file: Path) -> Record:
        """The record that `write` wrote."""
        data = json.loads(gzip.decompress(file.read_bytes()))
        space, rows = SearchSpace.parse(data["space"], STEPS), []
        whole = {_key(_varying(data["space"], params)): params for params in space.points()}
        for row in data["rows"]:
            *values, measuring = row.pop("=")
            chain = tuple(row.pop(":").split())
            metrics = dict(zip(METRICS, values, strict=True))
            rows.append(Row(whole[_key(row)] if row else {}, metrics, chain, measuring))
        stages = {key: (name, seconds) for key, (name, seconds) in data["stages"].items()}
        return cls(data["space"], tuple(rows), stages, data["about"])


def record(name: str, data: Path | None, store: Path, processes: int, minutes: float) -> Record:
    """Build every recipe of the job called `name`, then measure every one.

    Building comes first, so that the time of a stage has no waiting for a measurement in it, and level by level, so
    that no two processes want the same stage. What is in `store` is not done again.

    Args:
        name: One of `JOBS`.
        data: The data file of tasks that have one.
        store: Keeps stages and what was measured.
        processes: How many work at once.
        minutes: Nothing is begun later than this; what was not measured by then is not in the record.
    """
    job, until = JOBS[name], time.monotonic() + 60 * minutes
    space = SearchSpace.parse(job.space, STEPS)
    args = {**job.args, **({"path": str(data.resolve())} if data else {})}
    evaluator = Evaluator(job.use, job.training, Targets(), seed=0, store=store, args=args)
    params: dict[Recipe, dict[str, Value]] = {Recipe(): {}}
    params |= {space.recipe(point): point for point in space.points()}
    done, notes = _read_done(store), store / DONE
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_start, initargs=(evaluator,)) as pool:
        for steps, level in groupby(sorted(params, key=lambda recipe: len(recipe.steps)), lambda r: len(r.steps)):
            count = sum(1 for _ in _each(pool, _build, level, until))
            print(f"{name}: {count} recipes of {steps} steps are built", file=sys.stderr, flush=True)
        left = [recipe for recipe in params if recipe.digest not in done]
        random.Random(0).shuffle(left)  # latency must not drift with the recipe
        for number, (recipe, found) in enumerate(_each(pool, _measure, left, until), 1):
            done[recipe.digest] = found
            with notes.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps([recipe.digest, found]) + "\n")
            if number % 50 == 0:
                print(f"{name}: {number} of {len(left)} recipes are measured", file=sys.stderr, flush=True)
    return _record(job, params, done, processes)


def _each(
    pool: Executor, work: Callable[[Recipe], Made], recipes: Iterable[Recipe], until: float
) -> Iterator[tuple[Recipe, Made]]:
    """What `work` makes of each of `recipes`, as it comes; none is begun after `until`."""
    if time.monotonic() > until:
        return
    running: dict[Future[Made], Recipe] = {pool.submit(work, recipe): recipe for recipe in recipes}
    for future in as_completed(running):
        try:
            yield running[future], future.result()
        except CancelledError:
            pass
        except TrialFailed as failed:
            print(f"{running[future].label(STEPS)}: {failed.reason}", file=sys.stderr, flush=True)
        if time.monotonic() > until:
            for other in running:
                other.cancel()


_evaluator: Evaluator


def _start(evaluator: Evaluator) -> None:
    global _evaluator
    torch.set_num_threads(1)
    _evaluator = evaluator


def _build(recipe: Recipe) -> None:
    _evaluator.build(recipe)


def _measure(recipe: Recipe) -> dict[str, Any]:
    with Ledger() as ledger:
        outcome = _evaluator(recipe)
    seconds = sum(spent for account, spent in ledger.seconds.items() if account not in WAITS)
    return {
        "metrics": [outcome.measurement.metrics[name] for name in METRICS],
        "measuring": seconds - sum(stage.seconds for stage in outcome.stages if not stage.reused),
        "stages": [(stage.name, stage.key[:SHORT], stage.seconds) for stage in outcome.stages],
        "chain": [link.key[:SHORT] for link in _evaluator.chain(recipe)],
    }


def _read_done(store: Path) -> dict[str, dict[str, Any]]:
    store.mkdir(parents=True, exist_ok=True)
    file = store / DONE
    return dict(map(json.loads, file.read_text(encoding="utf-8").splitlines())) if file.exists() else {}


def _record(
    job: Job, params: Mapping[Recipe, Mapping[str, Value]], done: Mapping[str, Mapping[str, Any]], processes: int
) -> Record:
    found = [(params[recipe], done[recipe.digest]) for recipe in params if recipe.digest in done]
    rows = tuple(
        Row(
            point,
            {name: float(f"{value:.6g}") for name, value in zip(METRICS, one["metrics"], strict=True)},
            tuple(one["chain"]),
            round(one["measuring"], 3),
        )
        for point, one in found
    )
    stages = {key: (name, round(seconds, 3)) for _, one in found for name, key, seconds in one["stages"]}
    about = {
        "task": job.use,
        "args": dict(job.args),
        "training": job.training.model_dump(),
        "machine": f"{os.cpu_count()} processors, {_gpu()}",
        "processes": processes,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "recipes": len(rows),
    }
    return Record(job.space, rows, stages, about)


def _gpu() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _varying(space: Mapping[str, Any], params: Mapping[str, Value]) -> dict[str, Value]:
    """Those of `params` that `space` leaves open."""
    return {name: value for name, value in params.items() if name.split(".")[1] in space.get(name.split(".")[0], {})}


def _key(params: Mapping[str, Value]) -> Sequence[tuple[str, Value]]:
    return tuple(sorted(params.items()))
