"""How busy are the GPUs of a sweep, and are latencies right that are measured meanwhile?

A sweep over residual networks for CIFAR-10 runs on all GPUs of the machine, with a CPU as the target: students,
pruning, int8. While it runs, each GPU is asked once a second how busy it is (NVML, or else ``nvidia-smi``). Told are

- **busy**: the mean over all GPUs, from the first trial's beginning until fewer trials are left than run at once, and
  over the whole sweep;
- **trials per GPU hour**, failed ones apart; on a machine without a GPU, per hour;
- **measuring**: the share of the workers' time in which they measured, waited to measure, or paused for others;
- **fidelity**: when the sweep has ended, files are measured again on the machine that is idle then: rank correlation
  and relative error of ``latency_ratio`` as it was found under load.

``--code FOLDER`` runs the Paredown that lies there instead of this one, such as a worktree of an earlier revision;
given several times, one after the other, so that before and after come from one run. Each begins with an empty store.

    python benchmarks/utilization.py --data cifar10 --concurrent 16 --trials 48 --code ../before --code .

A run takes about as long as ``--budget``, a minute, and ``--again`` measurements. Without a GPU,
``--gpus-per-trial 0 --epochs 1 --images 128 --width 8 --trials 4 --concurrent 2`` tries it out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parents[1]
EVERY_S = 1.0
SPENT = ("measuring", "waiting", "waiting_for_device", "waiting_for_target", "yielding")

TARGETS = {
    "busy": (0.85, ">="),
    "measuring": (0.05, "<="),
    "spearman": (0.99, ">="),
    "median_error": (0.03, "<="),
}

SWEEP = """
import json
import random
import sys
from pathlib import Path

raw, again, out = json.loads(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])

if __name__ == "__main__":
    from pipelines import Target
    from search.analysis.remeasuring import remeasure
    from search.config.sweep_config import parse_config
    from search.study.saved import stored_evaluator
    from search.study.workspace import Workspace
    from search.sweep import run_sweep

    workspace = Workspace.default()
    sweep = run_sweep(parse_config(raw), workspace)
    complete = [trial for trial in sweep.trials if trial.state == "complete" and trial.recipe.steps]
    chosen = random.Random(0).sample(complete, min(again, len(complete)))
    idle = {}
    if chosen:
        found = remeasure(chosen, stored_evaluator(sweep, workspace), sweep.config.targets)
        measured = [result for result in found.results if hasattr(result.outcome, "measurement")]
        idle = {result.number: dict(result.outcome.measurement.metrics) for result in measured}
    trials = [
        {
            "number": trial.number,
            "state": trial.state,
            "reason": trial.failure.reason if trial.failure else "",
            "started": trial.result.started,
            "finished": trial.result.finished,
            "seconds": dict(trial.result.seconds),
            "metrics": dict(trial.metrics),
            "idle": idle.get(trial.number),
        }
        for trial in sweep.trials
        if trial.result
    ]
    out.write_text(json.dumps(trials), encoding="utf-8")
"""
"""What runs in a process of its own, with the code that is compared."""


class Gpus:
    """Asks every GPU of this machine, from a thread, how busy it is.

    Attributes:
        points: Of each time, seconds since the epoch, the share of each GPU.
    """

    def __init__(self) -> None:
        self.points: list[tuple[float, list[float]]] = []
        self._ask, self.source = _asker()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Gpus:
        if self.source:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self.source:
            self._thread.join()

    @property
    def count(self) -> int:
        """How many there are, as far as they were asked."""
        return len(self.points[0][1]) if self.points else 0

    def busy(self, since: float, until: float) -> float | None:
        """The mean share from `since` to `until`; None if nobody was asked then."""
        found = [share for at, shares in self.points if since <= at <= until for share in shares]
        return float(np.mean(found)) if found else None

    def _watch(self) -> None:
        while not self._done.wait(EVERY_S):
            with suppress(Exception):
                self.points.append((time.time(), self._ask()))


def _asker() -> tuple[Callable[[], list[float]], str]:
    """What tells the share of each GPU, and its name; an empty name if there is none."""
    with suppress(Exception):
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return lambda: [pynvml.nvmlDeviceGetUtilizationRates(each).gpu / 100 for each in handles], "NVML"
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]

    def ask() -> list[float]:
        text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
        return [float(line) / 100 for line in text.splitlines() if line.strip()]

    with suppress(Exception):
        if ask():
            return ask, "nvidia-smi"
    return list, ""


def sweep_file(args: argparse.Namespace) -> dict[str, Any]:
    """The sweep as data."""
    data = {"path": str(Path(args.data).resolve()) if args.data else "", "images": args.images, "width": args.width}
    return {
        "sweep": "utilization",
        "task": {"use": "cifar:Cifar", "args": data},
        "space": {
            "student": {"depth": ["none", 1, 2], "width": [0.5, 1.0]},
            "distillation": {"alpha": [0.0, 0.5], "temperature": [4]},
            "pruning": {"method": ["none", "channel"], "ratio": {"low": 0.25, "high": 0.75, "step": 0.25}},
            "quantization": {"scheme": ["none", "static-int8"]},
        },
        "objectives": {"accuracy": "maximize", "latency_ratio": "minimize"},
        "training": {
            "teacher_epochs": args.epochs,
            "student_epochs": args.epochs,
            "finetune_epochs": max(1, args.epochs // 2),
        },
        "search": {"trials": args.trials, "budget": args.budget, "remeasure": False, "seed": args.seed},
        "cluster": {
            "gpus_per_trial": args.gpus_per_trial,
            "cpus_per_trial": args.cpus_per_trial,
            "max_concurrent_trials": args.concurrent,
        },
    }


def run(code: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Run the sweep with the Paredown in `code`: its figures."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        out = Path(name) / "trials.json"
        script = Path(name) / "sweep.py"
        script.write_text(SWEEP, encoding="utf-8")
        path = os.pathsep.join([str(code.resolve()), str(ROOT / "benchmarks")])
        env = {**os.environ, "PYTHONPATH": path, "PAREDOWN_HOME": str(Path(name) / "home")}
        command = [sys.executable, str(script), json.dumps(sweep_file(args)), str(args.again), str(out)]
        began = time.time()
        with Gpus() as gpus:
            ended = subprocess.run(command, env=env, cwd=name, stdout=sys.stderr, check=False)
        if ended.returncode:
            raise SystemExit(f"the sweep of {code} ended with {ended.returncode}; see above")
        trials = json.loads(out.read_text(encoding="utf-8"))
    return {"code": str(code), "source": gpus.source, "began": began, **figures(trials, gpus, args.concurrent)}


def figures(trials: Sequence[Mapping[str, Any]], gpus: Gpus, slots: int) -> dict[str, Any]:
    """What is told of a sweep's trials and GPUs."""
    starts = sorted(trial["started"] for trial in trials)
    first, last = starts[0], max(trial["finished"] for trial in trials)
    full = starts[-slots] if len(starts) > slots else last
    complete = [trial for trial in trials if trial["state"] == "complete"]
    worked = sum(t["finished"] - t["started"] - t["seconds"].get("elsewhere", 0.0) for t in trials)
    spent = {name: sum(t["seconds"].get(name, 0.0) for t in trials) for name in SPENT}
    found = [(t["metrics"]["latency_ratio"], t["idle"]["latency_ratio"]) for t in complete if t["idle"]]
    load, idle = (np.array(values) for values in zip(*found, strict=True)) if found else (np.array([]),) * 2
    errors = np.abs(load / idle - 1)
    return {
        "trials": len(trials),
        "complete": len(complete),
        "reasons": sorted({trial["reason"] for trial in trials if trial["reason"]}),
        "gpus": gpus.count,
        "wall_s": last - first,
        "busy": gpus.busy(first, full),
        "busy_whole": gpus.busy(first, last),
        "per_gpu_hour": len(complete) / (last - first) * 3600 / max(1, gpus.count),
        "measuring": sum(spent.values()) / worked if worked else 0.0,
        "spent": spent,
        "elsewhere_s": sum(t["seconds"].get("elsewhere", 0.0) for t in trials),
        "spearman": float(spearmanr(load, idle).statistic) if len(found) > 2 else None,
        "median_error": float(np.median(errors)) if found else None,
        "largest_error": float(errors.max()) if found else None,
        "again": len(found),
        "points": [[at, *shares] for at, shares in gpus.points],
    }


def report(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the figures side by side, with what was aimed at."""
    table = Table("figure", *(row["code"] for row in rows), "target")
    lines = (
        ("trials complete", lambda row: f"{row['complete']} of {row['trials']}", ""),
        ("GPUs", lambda row: f"{row['gpus']} ({row['source'] or 'none'})", ""),
        ("seconds", lambda row: f"{row['wall_s']:.0f}", ""),
        ("busy, enough trials left", lambda row: _share(row["busy"]), "busy"),
        ("busy, whole sweep", lambda row: _share(row["busy_whole"]), ""),
        ("trials per GPU hour", lambda row: f"{row['per_gpu_hour']:.1f}", ""),
        ("measuring, of workers' time", lambda row: _share(row["measuring"]), "measuring"),
        ("Spearman of latency_ratio", lambda row: _number(row["spearman"]), "spearman"),
        ("median error of latency_ratio", lambda row: _share(row["median_error"]), "median_error"),
        ("largest error", lambda row: _share(row["largest_error"]), ""),
    )
    for name, cell, target in lines:
        bound = f"{TARGETS[target][1]} {TARGETS[target][0]:g}" if target else ""
        table.add_row(name, *(cell(row) for row in rows), bound)
    console.print(table)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder with train.parquet (jpeg, label); noise, when absent")
    parser.add_argument("--trials", type=int, default=48, help="at most (default: 48)")
    parser.add_argument("--budget", default="6m", help="the sweep's, such as 6m of wall time (default: 6m)")
    parser.add_argument("--concurrent", type=int, default=4, help="trials at once (default: 4)")
    parser.add_argument("--gpus-per-trial", type=float, default=0.25, help="0 trains on the CPU (default: 0.25)")
    parser.add_argument("--cpus-per-trial", type=int, default=1, help="(default: 1)")
    parser.add_argument("--epochs", type=int, default=8, help="of teacher and students (default: 8)")
    parser.add_argument("--images", type=int, default=20_000, help="training images (default: 20000)")
    parser.add_argument("--width", type=int, default=32, help="channels of the teacher's first stage (default: 32)")
    parser.add_argument("--again", type=int, default=12, help="files measured again on the idle machine (default: 12)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--code", type=Path, action="append", help="a folder with Paredown (default: this one)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    rows = [run(code, args) for code in args.code or [ROOT]]
    report(rows, Console())
    if args.json:
        about = {"processors": os.cpu_count(), "python": platform.python_version()}
        options = {name: value for name, value in vars(args).items() if name not in ("json", "code")}
        text = json.dumps({"machine": about, "options": options, "rows": rows}, indent=1)
        args.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
