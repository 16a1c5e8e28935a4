"""A record of a whole space: what every recipe measured, which stages it needs and what each of them took.

`benchmarks/reuse.py record` makes one by running every recipe through Paredown's own pipeline, and replays it. What it
writes is a record as `paredown record` writes one of a sweep; see `search.replay.record`.
"""

from __future__ import annotations

import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipelines import STEPS, Evaluator, StageRun, Store, Targets, Training, TrialFailed
from pipelines.ledger import WAITS, Ledger
from pipelines.measurement import Measurement
from spaces import Recipe, SearchSpace, Value

if TYPE_CHECKING:
    from search.replay.record import Record

METRICS = ("accuracy", "latency_ms", "size_mb")
"""What is kept of a measurement."""

DONE = "measured.jsonl"
"""What was measured so far, a line for each recipe: beside the store, to go on after an interruption."""


@dataclass(frozen=True)
class Job:
    """What is recorded.

    Attributes:
        use: The task, as in `pipelines.load_task`.
        training: How networks are trained.
        space: The ``space`` section.
        args: The task's arguments, without the place of the data.
        data: The name of the argument that is the place of the data; empty if it needs none.
    """

    use: str
    training: Training
    space: Mapping[str, Any]
    args: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""


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


MANY_NETWORKS = {
    "student": {"depth": ["none", 1, 2, 3], "width": [0.5, 1.0]},
    "distillation": {"alpha": [0.0, 0.9], "temperature": 4},
    "pruning": {
        "method": ["none", "channel", "unstructured", "n:m", "blocks"],
        "ratio": [0.25, 0.5, 0.75],
        "importance": ["l2", "taylor", "bn-scale", "random"],
    },
    "quantization": {"scheme": ["none", "static-int8"]},
}
"""More networks than trials: the teacher and 12 students, each whole and pruned in up to 27 ways, in two forms."""

JOBS: Mapping[str, Job] = {
    "fashion": Job(
        "benchmarks.mnist:Mnist",
        Training(teacher_epochs=20, student_epochs=30, finetune_epochs=10),
        space_of(2, 3, 4),
        {"batch_size": 512, "shift": 0},
        data="path",
    ),
    "digits": Job("digits", Training(teacher_epochs=60, student_epochs=80, finetune_epochs=25), space_of(1, 2, 3)),
    "cifar": Job(
        "benchmarks.images:Images",
        Training(teacher_epochs=12, student_epochs=8, finetune_epochs=2),
        MANY_NETWORKS,
        {"network": "resnet20", "examples": 20_000},
        data="data",
    ),
}


def record(name: str, data: Path | None, folder: Path, builders: int, meters: int, minutes: float) -> int:
    """Build the networks of the job called `name` on the GPU if there is one, and measure every recipe of them.

    Networks are built level by level, so that no two processes want the same training. Meters begin with a network as
    soon as it is there, each on a processor of its own: they quantize, export and measure, and neither exclude each
    other nor stop the trainings. What is in `folder` is not done again.

    Args:
        name: One of `JOBS`.
        data: Where the data lies, for tasks that read some.
        folder: Keeps stages, and in `DONE` what was measured.
        builders: How many networks are trained at once.
        meters: How many files are measured at once.
        minutes: Nothing is begun later than this; what was not measured by then is not in the record.

    Returns:
        How many recipes are measured.
    """
    job, until = JOBS[name], time.monotonic() + 60 * minutes
    place = {job.data: str(data.resolve())} if data and job.data else {}
    evaluator = Evaluator(
        job.use, job.training, Targets(), seed=0, store=Store(folder / "store"), args={**job.args, **place}
    )
    folder.mkdir(parents=True, exist_ok=True)
    done = read_done(folder / DONE)
    (folder / DONE).write_text("".join(json.dumps(line) + "\n" for line in done.items()), encoding="utf-8")
    left: dict[Recipe, list[Recipe]] = {}
    for recipe in recipes(job):
        if recipe.digest not in done:
            left.setdefault(_network(recipe), []).append(recipe)
    everywhere = sorted(os.sched_getaffinity(0))
    shared, apart = everywhere[:-meters] or everywhere, everywhere[-meters:]
    context = get_context("spawn")
    processors: Queue[int] = context.Queue()
    for meter in range(meters):
        processors.put(apart[meter % len(apart)])
    with (
        ProcessPoolExecutor(builders, mp_context=context, initializer=_start, initargs=(evaluator, shared)) as build,
        ProcessPoolExecutor(
            meters, mp_context=context, initializer=_start_apart, initargs=(evaluator, processors)
        ) as measure,
        (folder / DONE).open("a", encoding="utf-8") as notes,
    ):
        measuring: dict[Future[dict[str, Any]], Recipe] = {}
        for network in _built(build, left, until):
            for recipe in left[network]:
                measuring[measure.submit(_measure, recipe, until)] = recipe
            _note(measuring, done, notes, 0.0)
        while measuring and time.monotonic() < until:
            _note(measuring, done, notes, 5.0)
        begun = {future: recipe for future, recipe in measuring.items() if not future.cancel()}
        while begun:
            _note(begun, done, notes, 5.0)
    return len(done)


def recipes(job: Job) -> dict[Recipe, dict[str, Value]]:
    """Every recipe of `job` with its parameters, the uncompressed teacher first."""
    space = SearchSpace.parse(job.space, STEPS)
    return {Recipe(): {}} | {space.recipe(point): point for point in space.points()}


def _network(recipe: Recipe) -> Recipe:
    """`recipe` without what is done to the file."""
    return Recipe(tuple(step for step in recipe.steps if step.name != "quantize"))


def _built(build: ProcessPoolExecutor, left: Mapping[Recipe, list[Recipe]], until: float) -> Iterator[Recipe]:
    """The networks that `left` needs, each as soon as it is built."""
    wanted = sorted({*left, Recipe(), *(network.parent() for network in left)}, key=lambda network: len(network.steps))
    for steps, level in groupby(wanted, key=lambda network: len(network.steps)):
        shuffled = list(level)
        random.Random(0).shuffle(shuffled)  # what is missing when time is up is any of them
        running = {build.submit(_build, network, until): network for network in shuffled}
        count = 0
        while running:
            ended, _ = wait(running, timeout=5.0, return_when=FIRST_COMPLETED)
            for future in ended:
                network, problem = running.pop(future), future.result()
                count += not problem
                if problem:
                    print(f"{network.label(STEPS)}: {problem}", file=sys.stderr, flush=True)
                if network in left and problem is not None:  # one that cannot be built fails when it is measured
                    yield network
        print(f"{count} networks of {steps} steps are built", file=sys.stderr, flush=True)


def _note(
    measuring: dict[Future[dict[str, Any]], Recipe], done: dict[str, dict[str, Any]], notes: Any, timeout_s: float
) -> None:
    """Write down what was measured."""
    ended, _ = wait(measuring, timeout=timeout_s, return_when=FIRST_COMPLETED)
    for future in ended:
        recipe, found = measuring.pop(future), future.result()
        if not found:  # not begun any more
            continue
        done[recipe.digest] = found
        notes.write(json.dumps([recipe.digest, found]) + "\n")
        notes.flush()
        if len(done) % 50 == 0:
            print(f"{len(done)} recipes are measured", file=sys.stderr, flush=True)


_evaluator: Evaluator


def _start(evaluator: Evaluator, processors: Collection[int]) -> None:
    global _evaluator
    os.sched_setaffinity(0, processors)
    torch.set_num_threads(1)
    _evaluator = evaluator


def _start_apart(evaluator: Evaluator, processors: Queue[int]) -> None:
    """Begin on a processor, and with a lock for measuring, of this process's own."""
    tempfile.tempdir = tempfile.mkdtemp(prefix="meter-")
    _start(evaluator, {processors.get()})


def _build(network: Recipe, until: float) -> str | None:
    """Build `network`; why that cannot be done, None if it was not begun as it is too late, empty if it is there."""
    if time.monotonic() > until:
        return None
    try:
        _evaluator.build(network)
    except Exception as error:  # one network must not end hours of recording
        return str(error) or repr(error)
    return ""


def _measure(recipe: Recipe, until: float) -> dict[str, Any]:
    """What measuring `recipe` found and took; nothing if it is too late to begin."""
    if time.monotonic() > until:
        return {}
    with Ledger() as ledger:
        try:
            outcome = _evaluator(recipe)
        except TrialFailed as failed:
            return {"failed": failed.reason}
        except Exception as error:  # its recipe is missing in the record then
            print(f"{recipe.label(STEPS)}: {error!r}", file=sys.stderr, flush=True)
            return {}
    seconds = sum(spent for account, spent in ledger.seconds.items() if account not in WAITS)
    return {
        "metrics": [float(f"{outcome.measurement.metrics[name]:.6g}") for name in METRICS],
        "measuring": round(seconds - sum(stage.seconds for stage in outcome.stages if not stage.reused), 3),
        "stages": [(stage.name, round(stage.seconds, 3)) for stage in outcome.stages],
        "machine": machine(),
    }


def machine() -> str:
    """The machine and the versions, in words."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{os.cpu_count()} processors, {gpu}, torch {torch.__version__}, Python {platform.python_version()}"


def read_done(file: Path) -> dict[str, dict[str, Any]]:
    """What was measured, by the recipe's digest; a last line that was cut off is passed over."""
    lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []
    return dict(map(json.loads, lines))


def as_record(name: str, done: Mapping[str, Mapping[str, Any]]) -> Record:
    """The record of the job called `name`, of which `done` was measured."""
    from search.config.sweep_config import parse_config
    from search.replay.record import Record
    from search.study.outcome import Complete, Failed
    from search.study.trial import Result, Trial

    job = JOBS[name]
    trials = []
    for recipe, params in recipes(job).items():
        found = done.get(recipe.digest)
        if found is None:
            continue
        number = len(trials)
        if reason := found.get("failed"):
            result = Result(number, 0.0, 0.0, Failed(reason))
        else:
            outcome = Complete(Measurement(dict(zip(METRICS, found["metrics"], strict=True))), "")
            stages = tuple(StageRun(stage, "", seconds, reused=True) for stage, seconds in found["stages"])
            result = Result(number, 0.0, found["measuring"], outcome, stages=stages)
        trials.append(Trial(number, recipe, params, recipe.label(STEPS), 0.0, result))
    training = job.training.model_dump(exclude_defaults=True)
    task = {"use": job.use, "args": dict(job.args)}
    raw = {"sweep": name, "task": task, "training": training, "space": dict(job.space)}
    machines = sorted({found["machine"] for found in done.values() if "machine" in found})
    about = {"recipes": len(trials), "of": len(recipes(job)), "machine": "; ".join(machines)}
    return Record(parse_config(raw), tuple(trials), about)
