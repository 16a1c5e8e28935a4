"""How far to trust the forecast of `search.suggest.patience`, and what ending by it costs: on recorded spaces.

Sweeps over a record (see `benchmarks/reuse.py`) run for ``--trials`` trials each. After every fifth trial the forecast
for the next 20 is compared with what came; and for several demands it is noted when a sweep with that patience would
have ended, and which share of the hypervolume it would have lost against going on to the end.

    python benchmarks/patience.py benchmarks/reuse-fashion.json.gz benchmarks/reuse-digits.json.gz --seeds 10
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.replay import PLAIN, WHOLE, Tape, search
from search.suggest.patience import FEWEST, expected_gain

AHEAD, EVERY = 20, 5
DEMANDS = (0.005, 0.01, 0.02, 0.05)


def forecasts(curve: Sequence[float]) -> Iterator[tuple[int, float, float]]:
    """After how many trials, what was forecast for the next `AHEAD`, and what came, as shares."""
    for count in range(FEWEST, len(curve) - AHEAD + 1, EVERY):
        so_far = curve[:count]
        came = curve[count + AHEAD - 1] - so_far[-1]
        yield count, expected_gain(so_far, AHEAD) / so_far[-1], came / so_far[-1]


def end(curve: Sequence[float], demand: float) -> int:
    """The number of trials after which a sweep that asks for `demand` ends; all, if it does not end before."""
    ends = (n for n in range(FEWEST, len(curve)) if expected_gain(curve[:n], AHEAD) / curve[n - 1] < demand)
    return next(ends, len(curve))


def report(name: str, curves: Sequence[Sequence[float]]) -> None:
    """Print both tables of one record."""
    found = [one for curve in curves for one in forecasts(curve)]
    print(f"{name}: {len(curves)} sweeps of {len(curves[0])} trials\n")
    print(f"| after | forecasts | mean forecast for {AHEAD} trials | mean that came | more came than forecast |")
    print("|---|---|---|---|---|")
    for low, high in ((20, 50), (50, 100), (100, 10**9)):
        part = [(told, came) for count, told, came in found if low <= count < high]
        if part:
            told, came = (statistics.mean(column) for column in zip(*part, strict=True))
            more = statistics.mean(came > told for told, came in part)
            upto = f"{low} to {high - 1}" if high < 10**9 else f"{low} and more"
            print(f"| {upto} trials | {len(part)} | {told:.2%} | {came:.2%} | {more:.0%} |")
    print("\n| min_gain | ends after, median (range) | hypervolume lost, median (largest) |")
    print("|---|---|---|")
    for demand in DEMANDS:
        ends = [end(curve, demand) for curve in curves]
        lost = [1 - curve[count - 1] / curve[-1] for curve, count in zip(curves, ends, strict=True)]
        spread = f"{statistics.median(ends):.0f} ({min(ends)} to {max(ends)})"
        print(f"| {demand:.1%} | {spread} | {statistics.median(lost):.2%} ({max(lost):.2%}) |")
    print()


def main() -> None:
    """Run the sweeps and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the curves to this file")
    options = parser.parse_args()
    curves: dict[str, list[list[float]]] = {}
    for file in options.records:
        for way in (WHOLE, PLAIN):
            name = f"{file.name.split('.')[0]}, {way.name}"
            runs = [search(Tape.read(file), way, seed, options.trials) for seed in range(options.seeds)]
            curves[name] = [[each.hypervolume for each in run.points] for run in runs]
            report(name, curves[name])
    if options.json:
        options.json.write_text(json.dumps(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
