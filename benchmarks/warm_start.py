"""What a warm start brings, and what a misleading one costs: on recorded spaces (see `benchmarks/reuse.py`).

For each seed an earlier sweep of ``--earlier`` trials is run over the record with another seed. Then the same sweep is
run four times, each with an empty store:

- without a warm start;
- with the earlier sweep's results as they are;
- with them as priors;
- with misleading priors: the earlier sweep's numbers, dealt out anew among its recipes.

The compute that the earlier sweep has spent is not counted: it is there already.

    python benchmarks/warm_start.py benchmarks/reuse-fashion.json.gz benchmarks/reuse-digits.json.gz --seeds 10
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scipy import stats

from benchmarks.replay import WHOLE, Run, Tape, search
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Trial
from search.suggest.warm_start import WarmStart

AFTER = (10, 25, 50)
"""After so many trials, and the compute that the sweep without a warm start has spent then, the sweeps are compared."""


def earlier(tape: Tape, seed: int, trials: int, *, dealt: bool = False, same_task: bool = True) -> WarmStart:
    """The warm start from a sweep of `trials` trials; with its numbers `dealt` out anew."""
    config = tape.config(seed, trials)
    found = list(search(tape, WHOLE, seed, trials).curve.trials)
    if dealt:
        found = [found[0], *deal(found[1:], random.Random(seed))]
    sweep = Sweep(config, tuple(found), SweepState.of(found, config))
    start = WarmStart.of(sweep, config, same_task=same_task)
    assert start
    return start


def deal(trials: Sequence[Trial], rng: random.Random) -> list[Trial]:
    """`trials` with their measurements in another order."""
    measured = [trial.measurement for trial in trials]
    rng.shuffle(measured)
    return [trial.measured(one) for trial, one in zip(trials, measured, strict=True)]


def compare(name: str, cold: Sequence[Run], warm: Sequence[Run]) -> None:
    """Print a row: the differences of hypervolume at equal trials and at equal compute, with 95 % intervals."""
    cells = []
    for count in AFTER:
        trials = [w.points[count].hypervolume - c.points[count].hypervolume for w, c in zip(warm, cold, strict=True)]
        compute = [
            w.at(c.points[count].compute_s) - c.points[count].hypervolume for w, c in zip(warm, cold, strict=True)
        ]
        cells += [f"{mean_and_interval(trials)}, {mean_and_interval(compute)}"]
    print(f"| {name} | {' | '.join(cells)} |")


def mean_and_interval(values: Sequence[float]) -> str:
    """The mean with its 95 % interval by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):+.4f} ± {half:.4f}"


def main() -> None:
    """Run the sweeps and print a table for each record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--earlier", type=int, default=40, help="trials of the earlier sweep")
    options = parser.parse_args()
    last = max(AFTER)
    for file in options.records:
        tape = Tape.read(file)
        cold, known, prior, dealt = [], [], [], []
        for seed in range(options.seeds):
            before = 1000 + seed
            start = replace(earlier(tape, before, options.earlier), differs=())
            supposed = replace(start, differs=("search.seed",))
            wrong = earlier(tape, before, options.earlier, dealt=True, same_task=False)
            cold.append(search(tape, WHOLE, seed, last))
            # With more trials than are compared, since they may cost less.
            known.append(search(tape, WHOLE, seed, 2 * last, warm_starts=[start]))
            prior.append(search(tape, WHOLE, seed, 2 * last, warm_starts=[supposed]))
            dealt.append(search(tape, WHOLE, seed, 2 * last, warm_starts=[wrong]))
        hypervolumes = ", ".join(f"{statistics.mean(c.points[n].hypervolume for c in cold):.4f}" for n in AFTER)
        print(f"{file.name.split('.')[0]}, {options.seeds} seeds: without, {hypervolumes}\n")
        print("| hypervolume gained: at equal trials, at equal compute | " + " | ".join(f"{n}" for n in AFTER) + " |")
        print("|---" * (1 + len(AFTER)) + "|")
        compare("as they are", cold, known)
        compare("as priors", cold, prior)
        compare("misleading priors", cold, dealt)
        print()


if __name__ == "__main__":
    main()
