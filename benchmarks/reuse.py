"""What does it save that nothing is computed twice? Replayed on records of whole spaces, so that it takes minutes.

A record has what every recipe of a space measured, which stages it needs and what each of them took, as Paredown's own
pipeline computed them (`benchmarks/recording.py`). Sweeps over it run in virtual time, with Paredown's own study,
sampler, look-ahead and suffix variants (`benchmarks/replay.py`). Three questions:

1. What do the same random trials cost if everything is trained again for each, if the teacher is shared by hand, if
   teacher and students are, and in Paredown?
2. After how much compute does a search reach the hypervolume at which plain Optuna (multivariate TPE, the teacher
   shared by hand) stands after 25, 50 and 100 trials? One slot; every seed searches in each way.
3. With four slots: how long do slots wait for each other, and is a stage ever computed twice?

    python benchmarks/reuse.py replay benchmarks/reuse-fashion.json.gz --seeds 20 --picture reuse.svg --json reuse.json
    python benchmarks/reuse.py record fashion --data fashion_mnist.npz --builders 8 --folder fashion
    python benchmarks/reuse.py write fashion fashion/measured.jsonl reuse-fashion.json.gz

A space with more networks than trials, on a GPU and 16 processors; what is in the folder is not done again, so that the
same command goes on where time was up:

    python benchmarks/reuse.py record cifar --data cifar10 --builders 8 --meters 7 --minutes 9 --folder cifar

A way that does not reach a hypervolume within its 200 trials counts as infinite there: medians and their intervals
(order statistics) are right with that as long as they are finite themselves. Recording needs Paredown's pipelines only,
not what searches.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

if TYPE_CHECKING:
    from benchmarks.replay import Run

ROOT = Path(__file__).resolve().parent.parent
COUNTS, MARKS = (50, 100, 200), (25, 50, 100)
HAND, TRIALS = 100, 200
"""How many trials plain Optuna has, which trains a student for each, and how many Paredown's sweeps have."""

SLOTS = 4


def mean(values: Sequence[float]) -> tuple[float, float]:
    """The mean of `values` and the half-width of its 95 % confidence interval (Student's t)."""
    if len(values) < 2:
        return float(np.mean(values)), math.nan
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1)) * spread


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """The median of `values` and the ends of its 95 % confidence interval, which may be infinite.

    The interval is that of order statistics: it takes nothing for granted of how values are distributed, and a value of
    which is known only that it is large may stand as infinite. Source: W. J. Conover, Practical Nonparametric
    Statistics, 3rd ed., 1999, section 3.2.
    """
    ordered, count = sorted(values), len(values)
    rank = max(1, int(stats.binom.ppf(0.025, count, 0.5)))
    low, high = ordered[(count - 1) // 2], ordered[count // 2]
    return low if low == high else (low + high) / 2, ordered[rank - 1], ordered[count - rank]


def replay(file: Path, seeds: Sequence[int], processes: int, console: Console) -> dict[str, Any]:
    """Answer the three questions; the figures as plain data, with the curves under ``curves``."""
    from benchmarks.replay import ONE_SLOT, SEVERAL_SLOTS, Tape, same_trials, search

    tape, started = Tape.read(file), time.monotonic()
    costs = {count: [same_trials(tape, count, seed) for seed in seeds] for count in COUNTS}
    one: list[Run] = []
    several: list[Run] = []
    with ProcessPoolExecutor(processes) as pool:
        jobs = {
            pool.submit(search, tape, way, seed, HAND if way.plain else TRIALS, slots=slots): slots
            for seed in seeds
            for slots, ways in ((1, ONE_SLOT), (SLOTS, SEVERAL_SLOTS))
            for way in ways
        }
        for number, job in enumerate(as_completed(jobs), 1):
            (one if jobs[job] == 1 else several).append(job.result())
            print(f"{number} of {len(jobs)} sweeps", file=sys.stderr, end="\r", flush=True)
    by_way = {way.name: sorted((r for r in one if r.way == way), key=lambda r: r.seed) for way in ONE_SLOT}
    figures = {
        "about": dict(tape.record.about),
        "seeds": list(seeds),
        "same_trials": _same(costs, console),
        "search": _search(by_way, console),
        "slots": _slots(several, console),
        "curves": _curves(by_way),
    }
    console.print(f"{file.name}, {len(seeds)} seeds, {time.monotonic() - started:.0f} s")
    return figures


def _same(costs: dict[int, list[dict[str, float]]], console: Console) -> dict[str, Any]:
    names = list(next(iter(costs.values()))[0])
    table = Table("the same random trials", *(f"{n}: hours, × Paredown" for n in costs))
    figures: dict[str, Any] = {}
    for name in names:
        figures[name] = {
            n: {
                "seconds": mean([c[name] for c in each]),
                "ratio": mean([c[name] / c["Paredown"] for c in each]),
            }
            for n, each in costs.items()
        }
        cells = (
            "{:.2f} ± {:.2f} h".format(*(x / 3600 for x in found["seconds"]))
            + ", {:.2f} ± {:.2f}".format(*found["ratio"])
            for found in figures[name].values()
        )
        table.add_row(name, *cells)
    console.print(table)
    return figures


def _search(by_way: dict[str, list[Run]], console: Console) -> dict[str, Any]:
    hand, *_ = by_way.values()
    third = [run.points[HAND].compute_s / 3 for run in hand]
    table = Table(
        "way",
        *(f"compute to Optuna's hypervolume of {n} trials" for n in MARKS),
        "hypervolume at a third of its compute",
        "difference to Optuna's end",
        "suffix_variants",
        title="Share of Optuna's compute: median [95 %] (seeds that got there)",
    )
    figures: dict[str, Any] = {}
    for name, runs in by_way.items():
        found: dict[str, Any] = {}
        for n in MARKS:
            goals = [base.points[n].hypervolume for base in hand]
            reached = [run.reached(goal) for run, goal in zip(runs, goals, strict=True)]
            of_budget = [r / base.points[n].compute_s for r, base in zip(reached, hand, strict=True)]
            of_moment = [r / base.reached(goal) for r, base, goal in zip(reached, hand, goals, strict=True)]
            found[str(n)] = {
                "share": middle(of_budget),
                "share_strict": middle(of_moment),
                "reached": sum(map(math.isfinite, reached)),
                "within_third": sum(ratio <= 1 / 3 for ratio in of_budget),
                "within_third_strict": sum(ratio <= 1 / 3 for ratio in of_moment),
            }
        at_third = [run.at(limit) for run, limit in zip(runs, third, strict=True)]
        found["at_third"] = mean(at_third)
        found["at_third_less_end"] = mean([x - b.points[HAND].hypervolume for x, b in zip(at_third, hand, strict=True)])
        found["suffix_variants"] = mean([run.suffix_variants for run in runs])
        figures[name] = found
        cells = (
            "{:.3f} [{:.3f}, {:.3f}]".format(*found[str(n)]["share"]) + f" ({found[str(n)]['reached']})" for n in MARKS
        )
        table.add_row(
            name,
            *cells,
            "{:.4f} ± {:.4f}".format(*found["at_third"]),
            "{:+.4f} ± {:.4f}".format(*found["at_third_less_end"]),
            f"{found['suffix_variants'][0]:.0f}",
        )
    console.print(table)
    return figures


def _slots(runs: Sequence[Run], console: Console) -> dict[str, Any]:
    table = Table(
        f"{SLOTS} slots, {TRIALS} trials", "waited, slot-seconds", "idle, slot-seconds", "wall, s", "computed twice"
    )
    figures: dict[str, Any] = {}
    for name in dict.fromkeys(run.way.name for run in sorted(runs, key=lambda run: run.way.name)):
        own = [run for run in runs if run.way.name == name]
        found = {key: mean([getattr(run.curve, key) for run in own]) for key in ("waiting_s", "idle_s")}
        found["wall_s"] = mean([run.curve.last.wall_s for run in own])
        figures[name] = {**found, "twice": sum(run.curve.twice for run in own), "trials": len(own[0].points)}
        table.add_row(
            name, *("{:.0f} ± {:.0f}".format(*values) for values in found.values()), str(figures[name]["twice"])
        )
    console.print(table)
    return figures


def _curves(by_way: dict[str, list[Run]]) -> dict[str, Any]:
    """The hypervolume over compute: mean and half-width of its interval at times common to all."""
    hand, *_ = by_way.values()
    times = np.geomspace(100, max(run.points[HAND].compute_s for run in hand), 60)
    curves: dict[str, Any] = {"seconds": times.tolist()}
    for name, runs in by_way.items():
        ends = min(run.points[-1].compute_s for run in runs)
        curves[name] = [mean([run.at(second) for run in runs]) if second <= ends else None for second in times]
    return curves


def draw(figures: dict[str, Any], file: Path) -> None:
    """Draw the mean hypervolume over compute with its 95 % confidence interval."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "paredown", "svg.fonttype": "none"})
    from matplotlib import pyplot

    shown = ("Optuna, teacher by hand", "Optuna, teacher and student by hand", "Paredown, store only", "Paredown")
    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    seconds = np.array(figures["curves"]["seconds"])
    for name in shown:
        kept = [index for index, point in enumerate(figures["curves"][name]) if point]
        points = np.array([figures["curves"][name][index] for index in kept])
        (line,) = axes.plot(seconds[kept], points[:, 0], label=name)
        axes.fill_between(
            seconds[kept],
            points[:, 0] - points[:, 1],
            points[:, 0] + points[:, 1],
            color=line.get_color(),
            alpha=0.2,
            lw=0,
        )
    axes.set(xscale="log", xlabel="seconds of compute", ylabel="hypervolume")
    highest = max(point[0] for name in shown for point in figures["curves"][name] if point)
    axes.set_ylim(0.8 * highest, 1.01 * highest)
    axes.legend(fontsize="small")
    figure.savefig(file, metadata={"Date": None})


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    from benchmarks import recording

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="run every recipe of a space and write down what it took")
    record.add_argument("job", choices=recording.JOBS)
    record.add_argument(
        "--data",
        type=Path,
        help="fashion: an .npz file with x_train, y_train, x_test, y_test; cifar: "
        "the same, or a folder with train.parquet and test.parquet (columns jpeg and label)",
    )
    record.add_argument(
        "--folder", type=Path, required=True, help="where stages are kept, and what was measured: run it again to go on"
    )
    record.add_argument("--builders", type=int, default=1, help="how many networks are trained at once (default: 1)")
    record.add_argument("--meters", type=int, default=1, help="how many files are measured at once (default: 1)")
    record.add_argument("--minutes", type=float, default=math.inf, help="begin nothing later than this")
    write = commands.add_parser("write", help="write what was measured as a record")
    write.add_argument("job", choices=recording.JOBS)
    write.add_argument("measured", type=Path, help="measured.jsonl, which lies in the folder")
    write.add_argument("record", type=Path, help="where the record goes (.json.gz)")
    again = commands.add_parser("replay", help="replay sweeps over a record")
    again.add_argument("record", type=Path)
    again.add_argument("--seeds", type=int, default=20, help="how many seeds (default: 20)")
    again.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    again.add_argument("--processes", type=int, default=2, help="sweeps at once (default: 2)")
    again.add_argument("--picture", type=Path, help="draw the hypervolume over compute")
    again.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    if args.command == "record":
        count = recording.record(args.job, args.data, args.folder, args.builders, args.meters, args.minutes)
        print(f"{count} recipes are measured")
        return 0
    if args.command == "write":
        record = recording.as_record(args.job, recording.read_done(args.measured))
        args.record.write_bytes(record.to_bytes(packed=True))
        print(f"{args.record}: {len(record.trials)} recipes")
        return 0
    seeds = range(args.first, args.first + args.seeds)
    figures = replay(args.record, seeds, args.processes, Console(width=200))
    if args.picture:
        draw(figures, args.picture)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
