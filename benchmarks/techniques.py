"""What each compression technique makes of LeNet-5: accuracy, real bytes and latency of the exported file.

Every row is one recipe, built and measured by Paredown's own pipeline from the same trained teacher: each technique
alone, then several together. Figures are of the exported ONNX file, reloaded in ONNX Runtime with one thread: top-1
accuracy on the test split, bytes on the disk and packed with zstd, and latency and size relative to the exported
teacher's in fp32. Each seed trains everything anew; the table has the mean over seeds and half the range.

    python benchmarks/techniques.py --data mnist.npz --seeds 3 --json techniques.json

Last come two anchors from the literature, both for LeNet-5 on MNIST and both counting the weights alone: Deep
Compression (S. Han et al., 2016), 39 times smaller at 0.74 % error, and soft weight sharing (K. Ullrich et al., 2017),
162 times smaller at 0.97 %. Here the whole file counts, graph included, and it has to load and run. For each anchor the
smallest file is taken whose error on the **validation** split is within the bound even at the upper end of its 95 %
interval, so that not the luckiest of many is chosen; its test error is reported.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from pipelines import RUNTIMES, STEPS, Evaluator, Store, Targets, Training, TrialFailed
from pipelines.meters import score_split
from spaces import Recipe

ANCHORS = {"Deep Compression: 39×, error ≤ 0.80 %": (39, 0.0080), "soft weight sharing: 162×, ≤ 1.00 %": (162, 0.0100)}

Steps = list[dict[str, dict[str, Any]]]


def prune(method: str, **params: Any) -> dict[str, dict[str, Any]]:
    return {"prune": {"method": method, **params}}


def quantize(scheme: str, **params: Any) -> dict[str, dict[str, Any]]:
    return {"quantize": {"scheme": scheme, **params}}


def distil(depth: int, **params: Any) -> dict[str, dict[str, Any]]:
    return {"distil": {"depth": depth, **params}}


SMALL = distil(4, width=0.5, alpha=0.9)

RECIPES: Mapping[str, Steps] = {
    "teacher, fp32": [],
    # Pruning.
    "channels 50 %": [prune("channel", ratio=0.5)],
    "channels 75 %": [prune("channel", ratio=0.75)],
    "channels 75 %, random": [prune("channel", ratio=0.75, importance="random")],
    "channels 75 %, Taylor": [prune("channel", ratio=0.75, importance="taylor")],
    "channels 75 %, global": [prune("channel", ratio=0.75, scope="global")],
    "channels 75 %, by sensitivity": [prune("channel", ratio=0.75, scope="sensitivity")],
    "channels 75 %, in 3 steps": [prune("channel", ratio=0.75, steps=3)],
    "unstructured 90 %": [prune("unstructured", ratio=0.9)],
    "unstructured 95 %, global, in 3 steps": [prune("unstructured", ratio=0.95, scope="global", steps=3)],
    "2:4": [prune("n:m")],
    # Quantization.
    "fp16": [quantize("fp16")],
    "dynamic int8": [quantize("dynamic-int8")],
    "static int8, per channel": [quantize("static-int8")],
    "static int8, per tensor": [quantize("static-int8", granularity="tensor")],
    "static int8, entropy": [quantize("static-int8", calibrator="entropy")],
    "static int8, most sensitive in fp32": [quantize("static-int8", keep_float=0.25)],
    "QAT int8": [quantize("qat-int8")],
    "weights int8": [quantize("weight-int8")],
    "weights int4": [quantize("weight-int4")],
    "palettized, 5 bits": [quantize("palettize", bits=5)],
    "palettized, 4 bits": [quantize("palettize", bits=4)],
    # Distillation: a student that is trained on the labels alone, and what its teacher adds.
    "student, labels only": [distil(4, width=0.5, alpha=0)],
    "student, responses": [SMALL],
    "student, responses and hints": [distil(4, width=0.5, alpha=0.9, feature="hint")],
    "student, responses and attention": [distil(4, width=0.5, alpha=0.9, feature="attention")],
    "student, responses and relations": [distil(4, width=0.5, alpha=0.9, feature="relational")],
    # Together.
    "channels 75 %, static int8": [prune("channel", ratio=0.75), quantize("static-int8")],
    "channels 75 %, QAT int8": [prune("channel", ratio=0.75), quantize("qat-int8")],
    "channels 75 % by sensitivity, static int8": [
        prune("channel", ratio=0.75, scope="sensitivity"),
        quantize("static-int8"),
    ],
    "unstructured 95 %, palettized 4 bits": [
        prune("unstructured", ratio=0.95, scope="global", steps=3),
        quantize("palettize", bits=4),
    ],
    "student, static int8": [SMALL, quantize("static-int8")],
    "student, QAT int8": [SMALL, quantize("qat-int8")],
    "student, weights int8": [SMALL, quantize("weight-int8")],
    "half the student, static int8": [distil(4, width=0.25, alpha=0.9), quantize("static-int8")],
    "half the student, QAT int8": [distil(4, width=0.25, alpha=0.9), quantize("qat-int8")],
    "student, palettized 5 bits": [SMALL, quantize("palettize", bits=5)],
    "wider student, palettized 5 bits": [distil(4, width=0.65, alpha=0.5), quantize("palettize", bits=5)],
    "shallow student, QAT int8": [distil(3, width=0.5, alpha=0.9), quantize("qat-int8")],
}


@dataclass(frozen=True)
class Row:
    """One recipe with one seed.

    Attributes:
        name: The recipe in words.
        seed: Of all training.
        metrics: What Paredown measured, the lower end of the accuracy's interval as ``accuracy_low``, and
            ``test_accuracy``; empty if it failed.
        seconds: Time to build what no other recipe had built.
        reason: Why it failed.
        notes: What Paredown says of it.
    """

    name: str
    seed: int
    metrics: Mapping[str, float]
    seconds: float
    reason: str = ""
    notes: Mapping[str, str] | None = None


def measure(name: str, evaluator: Evaluator) -> Row:
    """Build and measure the recipe called `name`."""
    recipe = Recipe.from_list(RECIPES[name], STEPS)
    try:
        outcome = evaluator(recipe)
        session = RUNTIMES["onnxruntime"].load(evaluator.build(recipe).artifact, evaluator.targets.first)
        test = score_split(session, evaluator.task, "test").accuracy
    except TrialFailed as failed:
        return Row(name, evaluator.seed, {}, 0.0, failed.reason)
    seconds = sum(stage.seconds for stage in outcome.stages if not stage.reused)
    found = outcome.measurement
    metrics = {**found.metrics, "accuracy_low": found.intervals["accuracy"][0], "test_accuracy": test}
    return Row(name, evaluator.seed, metrics, seconds, notes=dict(found.notes))


def run_seed(
    seed: int, names: Sequence[str], data: Path, training: Training, shift: int, store: Path, until: float
) -> list[Row]:
    """Every recipe with one seed, one after the other; none is begun after `until`, in seconds since the epoch."""
    torch.set_num_threads(1)
    use, args = "benchmarks.mnist:Mnist", {"path": str(data), "shift": shift}
    evaluator = Evaluator(
        use, training, Targets(), seed=seed, store=Store(store), args=args, required=("size_zstd_mb",)
    )
    rows = []
    for name in names:
        if time.time() > until:
            break
        rows.append(measure(name, evaluator))
        print(f"seed {seed}: {name}: {rows[-1].reason or 'done'}", file=sys.stderr, flush=True)
    return rows


def summary(rows: Sequence[Row], metric: str) -> tuple[float, float]:
    """The mean of `metric` over seeds and half of its range."""
    values = [row.metrics[metric] for row in rows]
    return sum(values) / len(values), (max(values) - min(values)) / 2


def report(rows: Sequence[Row], console: Console) -> dict[str, Any]:
    """Print the table and the anchors, and return their figures."""
    names = [name for name in RECIPES if any(row.name == name for row in rows)]
    columns = {
        "test accuracy": ("test_accuracy", 1, "{:.4f} ±{:.4f}"),
        "kB": ("size_mb", 1000, "{:.1f} ±{:.1f}"),
        "kB, zstd": ("size_zstd_mb", 1000, "{:.1f} ±{:.1f}"),
        "size ÷ fp32": ("size_ratio", 1, "{:.4f} ±{:.4f}"),
        "latency ÷ fp32": ("latency_ratio", 1, "{:.2f} ±{:.2f}"),
    }
    table = Table("technique", *columns, title="Mean over seeds and half the range")
    figures: dict[str, Any] = {}
    for name in names:
        good = [row for row in rows if row.name == name and row.metrics]
        if not good:
            table.add_row(name, next(row.reason for row in rows if row.name == name))
            continue
        figures[name] = {title: summary(good, metric) for title, (metric, _, _) in columns.items()}
        cells = (form.format(*(scale * x for x in summary(good, metric))) for metric, scale, form in columns.values())
        table.add_row(name, *cells)
    console.print(table)
    return {"techniques": figures, "anchors": anchors(rows, console)}


def anchors(rows: Sequence[Row], console: Console) -> dict[str, Any]:
    """For each seed and anchor, the smallest file that is surely within the bound on the validation split."""
    table = Table("anchor", "seed", "recipe", "bytes", "× smaller", "validation error", "test error")
    found: dict[str, Any] = {}
    for title, (times, bound) in ANCHORS.items():
        for seed in sorted({row.seed for row in rows}):
            own = [row for row in rows if row.seed == seed and row.metrics]
            able = [row for row in own if 1 - row.metrics["accuracy_low"] <= bound]
            if not able:
                table.add_row(title, str(seed), "no recipe is within the bound")
                continue
            best = min(able, key=lambda row: row.metrics["size_mb"])
            smaller, m = 1 / best.metrics["size_ratio"], best.metrics
            verdict = "met" if smaller >= times and 1 - m["test_accuracy"] <= bound else "missed"
            errors = (f"{100 * (1 - m[key]):.2f} %" for key in ("accuracy", "test_accuracy"))
            table.add_row(
                title, str(seed), best.name, f"{m['size_mb'] * 1e6:,.0f}", f"{smaller:.0f} ({verdict})", *errors
            )
            found[f"{title}, seed {seed}"] = {"recipe": best.name, "smaller": smaller, "verdict": verdict, **m}
    console.print(table)
    return found


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="an .npz file with x_train, y_train, x_test, y_test")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds (default: 3)")
    parser.add_argument("--epochs", type=int, default=20, help="passes for teacher and students (default: 20)")
    parser.add_argument("--finetune", type=int, default=8, help="passes after pruning (default: 8)")
    parser.add_argument("--qat", type=int, default=4, help="passes of quantization-aware training (default: 4)")
    parser.add_argument("--shift", type=int, default=2, help="pixels by which training images move (default: 2)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no recipe later than this")
    parser.add_argument("--only", nargs="*", help="names of recipes; all, when absent")
    parser.add_argument("--processes", type=int, default=1, help="seeds at once (default: 1)")
    parser.add_argument("--store", type=Path, help="keep stages in this folder, to go on after an interruption")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    console = Console(width=150)
    if not args.data.exists():
        console.print(f"{args.data} is missing: name an .npz file of MNIST or Fashion-MNIST; see --help")
        return 2
    if unknown := [name for name in args.only or () if name not in RECIPES]:
        console.print(f"no such recipe: {', '.join(unknown)}; there are: {', '.join(RECIPES)}")
        return 2
    training = Training(
        teacher_epochs=args.epochs, student_epochs=args.epochs, finetune_epochs=args.finetune, qat_epochs=args.qat
    )
    names, started = args.only or list(RECIPES), time.monotonic()
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool,
    ):
        store, data = args.store or Path(scratch), args.data.resolve()
        until = time.time() + 60 * args.minutes
        jobs = [
            pool.submit(run_seed, seed, names, data, training, args.shift, store, until) for seed in range(args.seeds)
        ]
        for job in as_completed(jobs):
            rows += job.result()
    figures = report(rows, console)
    console.print(f"{args.data.name}, {args.seeds} seeds, {time.monotonic() - started:.0f} s")
    if args.json:
        figures["rows"] = [asdict(row) for row in rows]
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
