"""How true are latencies that are measured while a sweep keeps every processor busy?

Some networks (convolutional, residual, fully connected; several widths; fp32 and int8) are made here and exported.
Their latency is measured on the machine as it is, which should be idle, and again in the middle of a sweep at full
load: as many workers as processors, each of which trains, measures one network, trains, measures the next. Two ways:

- ``naive``: 10 calls to warm up, then the mean of 20 on the wall clock, in the worker's own process while the others
  go on training. So measure the tools that give a mean, Olive by default.
- ``paredown``: `pipelines.bench.running.run_bench` with the lease that trials hold: ``latency_ms``, and
  ``latency_ratio`` to a wide network, which stands for the teacher (``--reference``).

Each way is compared with itself on the idle machine, by rank (Spearman) and by error. ``idle again`` compares one half
of the idle measurements with the other: nothing can be truer than that. The share is what measuring, waiting to measure
and state still for others who measured took of the workers' time; it falls as trials get longer, so the length of
these is told with it (``--train``).

``--before FOLDER`` adds a third way: the meter of an earlier checkout that lies in FOLDER, in the same run.

``--beside DEVICE`` adds a third way: the workers train on ``cuda`` and never pause, on processors other than those on
which a meter of its own measures one network after the other, as sweeps with ``cluster.gpus_per_trial`` do. With
``cpu`` the same is tried out without a GPU.

``--foreign N`` adds N busy processes that know nothing of the lease, to the load only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr
from torch import Tensor, nn

from pipelines import Training
from pipelines.bench import running
from pipelines.bench.conditions import processor
from pipelines.bench.job import Job
from pipelines.bench.running import run_bench
from pipelines.evaluator import APART
from pipelines.lease import Lease
from pipelines.runtimes import OUTPUT, Artifact, OnnxRuntime, Target
from pipelines.training.context import Context
from pipelines.training.loop import train
from search.config.sections import ClusterSection
from search.execution.own_processors import set_apart

TARGET_SPEARMAN, TARGET_ERROR, TARGET_SHARE = 0.99, 0.03, 0.10
NAIVE_WARM_UP, NAIVE_REPEATS = 10, 20
NAIVE_TRAIN_S = 3.0
"""Nobody's share is counted while measuring the naive way: there is no need to train for long."""

REFERENCES = ("residual 64", "residual 208")
"""The widest of the networks that are compared, and one that takes ten times as long."""

SPIN = "while True: sum(range(10_000))"


class Residual(nn.Module):
    """Two convolutions beside a shortcut; (N, width, H, W) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def residual(width: int) -> nn.Module:
    """A residual network over (N, 3, 32, 32)."""
    stem = [nn.Conv2d(3, width, 3, stride=2, padding=1), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]
    return nn.Sequential(*stem, *(Residual(width) for _ in range(4)), *head)


def convolutional(width: int) -> nn.Module:
    """Three convolutions over (N, 3, 32, 32)."""
    layers: list[nn.Module] = []
    for index, wide in enumerate((width, 2 * width, 4 * width)):
        before = (3, width, 2 * width)[index]
        layers += [nn.Conv2d(before, wide, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10))


def dense(width: int) -> nn.Module:
    """Three fully connected layers over (N, 3, 32, 32)."""
    layers = [nn.Linear(3072, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
    return nn.Sequential(nn.Flatten(), *layers)


NETWORKS = {
    **{f"residual {width}": (residual, width) for width in (16, 32, 64)},
    **{f"convolutional {width}": (convolutional, width) for width in (12, 24, 56)},
    **{f"dense {width}": (dense, width) for width in (96, 384)},
}
VARIANTS = [f"{name} {form}" for name in NETWORKS for form in ("fp32", "int8")]
NETWORKS["residual 208"] = (residual, 208)  # a reference only


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Some noise."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._feeds = iter([{"input": random.random((1, 3, 32, 32), np.float32)} for _ in range(4)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """See `CalibrationDataReader`."""
        return next(self._feeds, None)


def build(folder: Path) -> None:
    """Write every variant into `folder`, as ``NAME FORM.onnx``."""
    torch.manual_seed(0)
    for name, (make, width) in NETWORKS.items():
        fp32, int8 = (folder / f"{name} {form}.onnx" for form in ("fp32", "int8"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                make(width).eval(),
                (torch.zeros(1, 3, 32, 32),),
                str(fp32),
                dynamo=False,
                opset_version=18,
                input_names=["input"],
                output_names=[OUTPUT],
            )
        types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        quantize_static(fp32, int8, Calibration(), per_channel=True, reduce_range=True, **types)


FEED = {"input": np.random.default_rng(1).random((1, 3, 32, 32), np.float32)}


def naive(folder: Path, variant: str, lease: Lease) -> dict[str, Any]:
    """Milliseconds: the mean of some calls in a row."""
    session = OnnxRuntime().load(Artifact(folder / f"{variant}.onnx", "onnx"), Target())
    for _ in range(NAIVE_WARM_UP):
        session.run(FEED)
    start = time.perf_counter()
    for _ in range(NAIVE_REPEATS):
        session.run(FEED)
    return {"naive": (time.perf_counter() - start) * 1000 / NAIVE_REPEATS}


def paredown(folder: Path, variant: str, lease: Lease, name: str = "paredown") -> dict[str, Any]:
    """Milliseconds, the ratio to the reference, what was said of the noise, and seconds with the device alone."""
    file, reference = folder / f"{variant}.onnx", folder / f"{(folder / 'reference').read_text()} fp32.onnx"
    parent = folder / f"{variant.rpartition(' ')[0]} fp32.onnx" if variant.endswith("int8") else reference
    own, other, before = (Artifact(path, "onnx") for path in (file, reference, parent))
    already_s = lease.alone_s
    report = run_bench(Job(own, other, before, Path(), Target()), FEED, lease)
    return {
        f"{name} ms": report.metrics["latency_ms"],
        f"{name} ratio": report.metrics["latency_ratio"],
        f"{name} alone s": lease.alone_s - already_s,
        f"{name} noise": report.notes.get("latency.noise", ""),
    }


def before(folder: Path, variant: str, lease: Lease) -> dict[str, Any]:
    """The same by the meter of another checkout."""
    other = Path((folder / "before").read_text()) / "pipelines/bench/running.py"
    with patch.object(running, "__file__", str(other)):  # whose process it starts
        return paredown(folder, variant, lease, "before")


WAYS = {"naive": naive, "paredown": paredown}
COLUMNS = {
    "naive": ("naive",),
    "paredown": ("paredown ms", "paredown ratio"),
    "before": ("before ms", "before ratio"),
}


@dataclass
class Noise:
    """A task of noise, whose training ends after a while."""

    seconds: float

    def batches(self, split: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of 32 images of 3×32×32 until the time is over."""
        end = time.perf_counter() + self.seconds
        images, labels = torch.rand(32, 3, 32, 32), torch.arange(32) % 10
        yield images, labels
        while time.perf_counter() < end:
            yield images, labels


def study(seconds: float, lease: Lease) -> None:
    """Train for some seconds, as a trial does."""
    context = Context(Noise(seconds), "noise", Training(), 0, torch.device("cpu"), lease)  # type: ignore[arg-type]
    with lease.shared():
        train(residual(16), context, epochs=1)


def work(way: str, folder: Path, tasks: Sequence[tuple[int, str]], train_s: float) -> None:
    """One worker: train, measure, and so on; in the end train until the sweep is over. Speaks in lines."""
    torch.set_num_threads(1)
    lease = Lease(folder=folder / "leases")
    study(0.5, lease)
    print("ready", flush=True)
    sys.stdin.readline()
    began, told = time.perf_counter(), []
    for repeat, variant in tasks:
        study(train_s, lease)
        told.append({"repeat": repeat, "variant": variant, **WAYS[way](folder, variant, lease)})
    spent = {"alone": lease.alone_s, "waiting": lease.alone_wait_s, "yielding": lease.shared_wait_s}
    print(json.dumps({"told": told, "total": time.perf_counter() - began, **spent}), flush=True)
    while True:  # others still measure: the load stays until this process is ended
        study(1.0, lease)


@contextmanager
def processes(commands: Iterable[Sequence[str]]) -> Iterator[list[subprocess.Popen[str]]]:
    """Started for the time of the block."""
    started: list[subprocess.Popen[str]] = []
    try:
        for command in commands:
            pipe = subprocess.PIPE
            started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=None, text=True))
        yield started
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def loaded(way: str, folder: Path, args: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Every variant, `args.repeats` times, measured within a sweep; and the seconds that it took of the workers."""
    tasks = [(repeat, variant) for repeat in range(args.repeats) for variant in VARIANTS]
    random = np.random.default_rng(0)
    random.shuffle(tasks)  # type: ignore[arg-type]
    shares = [tasks[index :: args.workers] for index in range(args.workers)]
    own = [sys.executable, __file__, "--worker"]
    train_s = min(args.train, NAIVE_TRAIN_S) if way == "naive" else args.train
    workers = [[*own, json.dumps([way, str(folder), share, train_s])] for share in shares]
    foreign = [[sys.executable, "-c", SPIN] for _ in range(args.foreign)]
    with processes(workers) as started, processes(foreign):
        lines = [_line(process, "ready") for process in started]
        seconds = train_s * -(-len(tasks) // args.workers)
        say(f"{way}: {len(lines)} workers, {len(tasks)} measurements, at least {seconds:.0f} s")
        for process in started:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        found = [json.loads(_line(process, "{")) for process in started]
    spent = {name: sum(each[name] for each in found) for name in ("alone", "waiting", "yielding", "total")}
    return [row for each in found for row in each["told"]], spent


def _line(process: subprocess.Popen[str], start: str) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line.startswith(start):
        raise RuntimeError(f"a worker ended with {process.poll()}; see above")
    return line


def train_on(device: str, processors: Sequence[int], folder: Path) -> None:
    """Train on `device` until this process is ended, on `processors` alone."""
    os.sched_setaffinity(0, processors)
    torch.set_num_threads(1)
    context = Context(Noise(5.0), "noise", Training(), 0, torch.device(device), Lease(APART, folder / "leases"))  # type: ignore[arg-type]
    while True:
        with context.lease.shared():
            train(residual(16), context, epochs=1)
        print("trains", flush=True)


def beside(folder: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Every variant, `args.repeats` times, measured on processors of its own while workers train on `args.beside`."""
    cluster = ClusterSection(gpus_per_trial=1, max_concurrent_trials=args.workers)
    apart = set_apart(cluster, [Target()], args.workers)
    if not apart.processors:
        raise SystemExit(f"--beside: {apart.words}; give fewer --workers")
    before = os.sched_getaffinity(0)
    others = sorted(before - set(apart.processors))
    trainer = [sys.executable, __file__, "--trainer", json.dumps([args.beside, others, str(folder)])]
    tasks = [(repeat, variant) for repeat in range(args.repeats) for variant in VARIANTS]
    np.random.default_rng(0).shuffle(tasks)  # type: ignore[arg-type]
    with processes([trainer] * args.workers) as started:
        for process in started:
            _line(process, "trains")
        say(f"beside: {args.workers} trainings on {args.beside}, {len(tasks)} measurements; {apart.words}")
        os.sched_setaffinity(0, apart.processors)
        try:
            lease = Lease(folder=folder / "leases")
            return [{"repeat": repeat, "variant": name, **paredown(folder, name, lease)} for repeat, name in tasks]
        finally:
            os.sched_setaffinity(0, before)


def idle(folder: Path, repeats: int) -> list[dict[str, Any]]:
    """Every variant measured `repeats` times in both ways, by this process alone."""
    torch.set_num_threads(1)
    lease, rows = Lease(folder=folder / "leases"), []
    for repeat in range(repeats):
        say(f"idle: repeat {repeat + 1} of {repeats}, load {os.getloadavg()[0]:.1f}")
        for variant in VARIANTS:
            found = {
                name: value for measure in WAYS.values() for name, value in measure(folder, variant, lease).items()
            }
            rows.append({"repeat": repeat, "variant": variant, **found})
    return rows


def medians(rows: Iterable[Mapping[str, Any]], column: str) -> np.ndarray:
    """The median over repeats of each variant, shape (variants,)."""
    rows = list(rows)
    return np.array([np.median([r[column] for r in rows if r["variant"] == variant]) for variant in VARIANTS])


def compare(rows: Sequence[Mapping[str, Any]], truth: np.ndarray, column: str) -> dict[str, list[float]]:
    """For each repeat the rank correlation with `truth`, and the median and the largest relative error."""
    found: dict[str, list[float]] = {"spearman": [], "median_error": [], "max_error": []}
    for repeat in sorted({row["repeat"] for row in rows}):
        values = medians((row for row in rows if row["repeat"] == repeat), column)
        errors = np.abs(values / truth - 1)
        found["spearman"].append(float(spearmanr(values, truth).statistic))
        found["median_error"].append(float(np.median(errors)))
        found["max_error"].append(float(errors.max()))
    return found


def spread(values: Sequence[float], form: str) -> str:
    """The median, and from where to where."""
    return f"{np.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def report(summary: Mapping[str, Any], console: Console) -> None:
    """Print what came out, and whether the targets are met."""
    table = Table(
        "latency", "under", "Spearman", "median error", "largest error", title="Median (from–to) over repeats"
    )
    for row in summary["rows"]:
        errors = (spread(row[name], ".1%") for name in ("median_error", "max_error"))
        table.add_row(row["column"], row["under"], spread(row["spearman"], ".4f"), *errors)
    console.print(table)
    spent, share = summary["spent"], summary["share"]
    parts = ", ".join(f"{name} {spent[name]:.1f} s" for name in ("alone", "waiting", "yielding"))
    whole = f"{share:.1%} of {spent['total']:.0f} s of all workers"
    alone = ", ".join(f"{seconds:.2f} s ({way})" for way, seconds in summary["alone_s"].items())
    console.print(f"measuring took {whole} ({parts}), each with the machine alone for {alone}")
    console.print(f"{summary['noisy']} of {summary['measured']} measurements under load were marked as noisy")
    best = next(row for row in summary["rows"] if row["column"] == "paredown ratio" and row["under"] == "load")
    for name, value, met, target in (
        (
            "Spearman of paredown ratio",
            f"{np.median(best['spearman']):.4f}",
            np.median(best["spearman"]) >= TARGET_SPEARMAN,
            ">= 0.99",
        ),
        (
            "median error of paredown ratio",
            f"{np.median(best['median_error']):.1%}",
            np.median(best["median_error"]) <= TARGET_ERROR,
            "<= 3 %",
        ),
        ("share of workers' time", f"{share:.1%}", share <= TARGET_SHARE, "<= 10 %"),
    ):
        console.print(f"{name} under load: {value}, target {target}: {'met' if met else 'MISSED'}")


def summarise(rows: Mapping[str, Sequence[Mapping[str, Any]]], spent: Mapping[str, float]) -> dict[str, Any]:
    """Every comparison."""
    compared = []
    for way in WAYS:
        for column in COLUMNS[way]:
            truth = medians(rows["idle"], column)
            compared.append({"column": column, "under": "load", **compare(rows[way], truth, column)})
            first, second = ([r for r in rows["idle"] if r["repeat"] % 2 == half] for half in (0, 1))
            if second:
                again = compare(second, medians(first, column), column)
                compared.append({"column": column, "under": "idle again", **again})
    for column in COLUMNS["paredown"] if "beside" in rows else ():
        found = compare(rows["beside"], medians(rows["idle"], column), column)
        compared.append({"column": column, "under": "trainings beside", **found})
    share = (spent["alone"] + spent["waiting"] + spent["yielding"]) / spent["total"]
    noisy = sum(bool(row["paredown noise"]) for row in rows["paredown"])
    timed = [way for way in WAYS if way != "naive"]
    alone = {way: float(np.mean([row[f"{way} alone s"] for row in rows[way]])) for way in timed}
    counts = {"noisy": noisy, "measured": len(rows["paredown"]), "alone_s": alone}
    return {"rows": compared, "spent": spent, "share": share, **counts}


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each network under load (default: 5)")
    parser.add_argument("--idle-repeats", type=int, default=6, help="and on the idle machine (default: 6)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="workers (default: one per processor)")
    parser.add_argument(
        "--train", type=float, default=30.0, help="seconds that a worker trains before it measures (default: 30)"
    )
    parser.add_argument("--beside", metavar="DEVICE", help="also beside trainings on this device, such as cuda")
    parser.add_argument("--foreign", type=int, default=0, help="busy processes without a lease (default: 0)")
    parser.add_argument("--reference", choices=REFERENCES, default=REFERENCES[0], help="stands for the teacher")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier version, to measure with its meter, too")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)  # loaded
    parser.add_argument("--trainer", help=argparse.SUPPRESS)  # beside
    args = parser.parse_args()
    if args.before or (args.worker and json.loads(args.worker)[0] == "before"):
        WAYS["before"] = before
    if args.worker:
        way, folder, tasks, train_s = json.loads(args.worker)
        work(way, Path(folder), tasks, train_s)
        return 0
    if args.trainer:
        device, own, folder = json.loads(args.trainer)
        train_on(device, own, Path(folder))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        say(f"building {len(VARIANTS)} networks")
        build(folder)
        (folder / "reference").write_text(args.reference)
        (folder / "before").write_text(str(args.before.resolve()) if args.before else "")
        rows, spent = {"idle": idle(folder, args.idle_repeats)}, {}
        for way in WAYS:
            rows[way], spent[way] = loaded(way, folder, args)
        if args.beside:
            rows["beside"] = beside(folder, args)
    summary = summarise(rows, spent["paredown"])
    report(summary, Console())
    if args.json:
        versions = {
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
        }
        about = {"processor": processor(), "processors": os.cpu_count(), **versions}
        options = {name: str(value) for name, value in vars(args).items() if name not in ("json", "worker", "trainer")}
        text = json.dumps({"machine": about, "options": options, "summary": summary, "rows": rows}, indent=1)
        args.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
