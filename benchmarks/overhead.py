"""What a trial costs that is not the trial's own work: asking, Ray, telling, MLflow. On trials that do nothing.

Paredown's whole `run_sweep` (multivariate group TPE, journal, Ray Tune, MLflow on its own sqlite store) beside two
peers in the same run, on the same conditional space of over half a million recipes and the same three objectives:

- ``optuna``: `study.optimize` with the same sampler and a journal file, in one process; no workers, no MLflow.
- ``ray``: Ray Tune with OptunaSearch as it comes: a function as trainable, the default loggers, no MLflow. It takes
  about a second a trial, so it gets ``--peer-trials`` of them.

Every measurement is a process of its own. Milliseconds per trial are the wall time from the first result to the return
of the call, over the trials but one; what comes before the first result is the start-up, reported by itself. The time
that Paredown needs after the last result to bring MLflow up to date is within its milliseconds per trial.

On a busy machine wall times say little: the processor time of the driving process (all its threads, from the first
result on, Ray's own processes and workers not included) and the machine's load stand beside them.

    python benchmarks/overhead.py --trials 100 1000 3000 --repeats 3 --json overhead.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

SPACE = {
    "student": {"depth": {"low": 1, "high": 12, "step": 1}},
    "distillation": {
        "alpha": {"low": 0.0, "high": 0.95, "step": 0.05},
        "temperature": {"low": 1.0, "high": 10.0, "step": 0.5},
    },
    "pruning": {"method": ["none", "channel"], "ratio": {"low": 0.05, "high": 0.95, "step": 0.05}},
    "quantization": {
        "scheme": ["none", "dynamic-int8", "static-int8"],
        "calibrator": ["minmax", "entropy", "percentile"],
        "granularity": ["channel", "tensor"],
    },
}
OBJECTIVES = {"accuracy": "maximize", "latency_ms": "minimize", "size_mb": "minimize"}
TARGET_MS, TARGET_AT, TARGET_GROWTH, GROWTH_AT = 60.0, 1000, 1.3, 3000


def analytic(params: Mapping[str, Any]) -> dict[str, float]:
    """The objectives of a made-up model: smaller is faster and less accurate, with a little fixed noise."""
    depth, ratio = params.get("depth", 12), params.get("ratio", 0.0)
    speed = {"static-int8": 0.5, "dynamic-int8": 0.8}.get(params.get("scheme", "none"), 1.0)
    size = (0.2 + depth / 12) * (1 - ratio)
    noise = zlib.crc32(repr(sorted(params.items())).encode()) / 2**32
    teaching = 0.02 * params.get("alpha", 0.0) * (1 - abs(params.get("temperature", 1) - 4) / 10)
    lost = 0.08 / (0.2 + size) + 0.05 * (1 - speed) + 0.02 * noise
    return {
        "accuracy": 1 - lost + teaching,
        "latency_ms": size**0.8 * speed + 0.05 * noise,
        "size_mb": 4 * size * speed,
    }


def evaluate(recipe: Any) -> Any:
    """A trial's work: none."""
    from pipelines import METRICS, Evaluation
    from pipelines.meters import Measurement

    known = analytic({key: value for step in recipe.steps for key, value in step.items})
    return Evaluation(Measurement({name: known.get(name, 0.0) for name in METRICS}), (), "")


def config(trials: int) -> Any:
    """The sweep."""
    from search.config.sweep_config import parse_config

    return parse_config(
        {
            "sweep": "overhead",
            "task": {"use": "digits"},
            "space": SPACE,
            "objectives": OBJECTIVES,
            "search": {"sampler": "tpe", "trials": trials, "seed": 0},
        }
    )


def suggest_all(trial: Any) -> dict[str, Any]:
    """A point of the space, asked of an Optuna trial, by the keys that `analytic` knows."""
    from search.suggest.suggester import _suggest

    params = _space().sample(lambda axis: _suggest(trial, axis))
    return {name.partition(".")[2]: value for name, value in params.items()}


def define(trial: Any) -> None:
    """The space as OptunaSearch wants it; it pickles this."""
    suggest_all(trial)


def _space() -> Any:
    if not _CACHE:
        _CACHE.append(config(1).space)
    return _CACHE[0]


_CACHE: list[Any] = []


class Timer:
    """Adds up the time spent in a function."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, timed."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            before = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - before

        return timed


class Clock:
    """Notes when trials finish; one of Paredown's observers."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.cpu: list[float] = []

    def started(self, trial: Any, state: Any) -> None:
        """Nothing to note."""

    def finished(self, trial: Any, state: Any) -> None:
        """One more."""
        self.times.append(time.perf_counter())
        self.cpu.append(time.process_time())


def measure_paredown(trials: Sequence[int], folder: Path) -> list[dict[str, float]]:
    """Paredown's whole sweep."""
    from search.study.study import Study
    from search.study.workspace import Workspace
    from search.suggest.suggester import Suggester
    from search.sweep import run_sweep

    (number,) = trials
    clock, ask, tell = Clock(), Timer(), Timer()
    Suggester.suggest, Study.begin = ask.around(Suggester.suggest), ask.around(Study.begin)  # type: ignore[method-assign]
    Suggester.learn, Study.tell = tell.around(Suggester.learn), tell.around(Study.tell)  # type: ignore[method-assign]
    begin = time.perf_counter()
    sweep = run_sweep(config(number), Workspace(folder / "home"), evaluate=evaluate, observers=lambda study: [clock])
    end, cpu = time.perf_counter(), time.process_time()
    if sweep.tracking_problem or sweep.state.complete != number:
        raise RuntimeError(f"{sweep.state.complete} of {number} complete; MLflow: {sweep.tracking_problem}")
    return [
        {
            "trials": number,
            "startup_s": clock.times[0] - begin,
            "ms": 1000 * (end - clock.times[0]) / (number - 1),
            "cpu_ms": 1000 * (cpu - clock.cpu[0]) / (number - 1),
            "ask_ms": 1000 * ask.seconds / number,
            "tell_ms": 1000 * tell.seconds / number,
            "after_last_s": end - clock.times[-1],
            "front": len(sweep.state.front.members),
        }
    ]


def measure_optuna(trials: Sequence[int], folder: Path) -> list[dict[str, float]]:
    """Plain Optuna's loop. A shorter run is the beginning of the longest, so one serves for all."""
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    from search.samplers import SAMPLERS

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    clock = Clock()

    def objective(trial: optuna.Trial) -> list[float]:
        found = analytic(suggest_all(trial))
        return [found[name] for name in OBJECTIVES]

    begin = time.perf_counter()
    storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    study = optuna.create_study(storage=storage, sampler=SAMPLERS["tpe"].make(0), directions=list(OBJECTIVES.values()))
    study.optimize(objective, n_trials=max(trials), callbacks=[lambda study, trial: clock.finished(trial, None)])
    first = clock.times[0]
    return [
        {
            "trials": n,
            "startup_s": first - begin,
            "ms": 1000 * (clock.times[n - 1] - first) / (n - 1),
            "cpu_ms": 1000 * (clock.cpu[n - 1] - clock.cpu[0]) / (n - 1),
        }
        for n in trials
    ]


def measure_ray(trials: Sequence[int], folder: Path) -> list[dict[str, float]]:
    """Ray Tune with OptunaSearch as it comes."""
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    from search.samplers import SAMPLERS

    (number,) = trials
    clock = Clock()

    class Ended(tune.Callback):
        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            clock.finished(trial, None)

    def trainable(given: dict[str, Any]) -> None:
        tune.report(analytic({name.partition(".")[2]: value for name, value in given.items()}))

    begin = time.perf_counter()
    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    modes = [direction[:3] for direction in OBJECTIVES.values()]
    searcher = OptunaSearch(space=define, metric=list(OBJECTIVES), mode=modes, sampler=SAMPLERS["tpe"].make(0))
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(search_alg=searcher, num_samples=number),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0, callbacks=[Ended()]),
    )
    tuner.fit()
    end, cpu = time.perf_counter(), time.process_time()
    ray.shutdown()
    if len(clock.times) != number:
        raise RuntimeError(f"{len(clock.times)} of {number} trials complete")
    first = clock.times[0]
    return [
        {
            "trials": number,
            "startup_s": first - begin,
            "ms": 1000 * (end - first) / (number - 1),
            "cpu_ms": 1000 * (cpu - clock.cpu[0]) / (number - 1),
        }
    ]


MEASURE = {"paredown": measure_paredown, "optuna": measure_optuna, "ray": measure_ray}


def in_own_process(system: str, trials: Sequence[int]) -> list[dict[str, Any]]:
    """Measure `system` in a fresh process, with a folder of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        out = Path(folder) / "measured.json"
        command = [sys.executable, __file__, "--only", system, "--json", str(out), "--trials", *map(str, trials)]
        # Ray of its own, also where a cluster happens to run: without an address Ray joins it.
        env = {**os.environ, "PYTHONWARNINGS": "ignore", "RAY_ADDRESS": "local"}
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        if done.returncode:
            raise RuntimeError(f"{system} failed:\n{done.stderr[-3000:]}")
        load = os.getloadavg()[0]
        return [{"system": system, "load": load, **row} for row in json.loads(out.read_text(encoding="utf-8"))]


def spread(values: Sequence[float], form: str) -> str:
    """The mean, and from where to where if there are several."""
    text = format(mean(values), form)
    return text + (f" ({format(min(values), form)}–{format(max(values), form)})" if len(values) > 1 else "")


def report(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print what was measured, and whether the targets are met."""
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["system"], row["trials"]), []).append(row)
    cost = {key: mean(row["ms"] for row in group) for key, group in groups.items()}
    columns = (
        "system",
        "trials",
        "repeats",
        "start-up s",
        "ms per trial",
        "driver CPU ms",
        "ask",
        "tell",
        "rest",
        "after last, s",
    )
    table = Table(*columns, "÷ optuna", title="Overhead per trial: mean (from–to)")
    for (system, trials), group in sorted(groups.items(), key=lambda item: (item[0][0] != "paredown", item[0])):
        parts = [""] * 4
        if system == "paredown":
            rest = [row["ms"] - row["ask_ms"] - row["tell_ms"] for row in group]
            parts = [spread([row[name] for row in group], ".1f") for name in ("ask_ms", "tell_ms", "after_last_s")]
            parts.insert(2, spread(rest, ".1f"))
        peer = cost.get(("optuna", trials))
        ratio = f"{cost[system, trials] / peer:.2f}" if peer and system != "optuna" else ""
        wall = [spread([row[name] for row in group], ".1f") for name in ("startup_s", "ms", "cpu_ms")]
        table.add_row(system, f"{trials:,}", str(len(group)), *wall, *parts, ratio)
    console.print(table)
    loads = sorted(row["load"] for row in rows)
    console.print(
        f"load of the machine after each measurement: {loads[0]:.1f} to {loads[-1]:.1f}, {os.cpu_count()} processors"
    )
    at_target, at_growth = cost.get(("paredown", TARGET_AT)), cost.get(("paredown", GROWTH_AT))
    if at_target:
        met = "met" if at_target <= TARGET_MS else "MISSED"
        console.print(f"at {TARGET_AT:,} trials: {at_target:.1f} ms, target {TARGET_MS:g} ms: {met}")
    if at_target and at_growth:
        met = "met" if at_growth <= TARGET_GROWTH * at_target else "MISSED"
        growth = at_growth / at_target
        console.print(f"at {GROWTH_AT:,} trials: {growth:.2f} times that, target {TARGET_GROWTH:g}: {met}")


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 3000], help="trials per sweep")
    parser.add_argument("--peer-trials", type=int, default=100, help="trials of Ray Tune + OptunaSearch (default: 100)")
    parser.add_argument("--repeats", type=int, default=1, help="how often everything is measured (default: 1)")
    parser.add_argument("--systems", nargs="+", choices=MEASURE, default=list(MEASURE), help="what is measured")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--only", choices=MEASURE, help=argparse.SUPPRESS)  # in_own_process
    args = parser.parse_args()
    if args.only:
        warnings.simplefilter("ignore")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            args.json.write_text(json.dumps(MEASURE[args.only](args.trials, Path(folder))), encoding="utf-8")
        return 0
    batches = {"paredown": [[n] for n in args.trials], "optuna": [args.trials], "ray": [[args.peer_trials]]}
    jobs = [(system, batch) for system in args.systems for batch in batches[system]]
    rows: list[dict[str, Any]] = []
    for repeat in range(args.repeats):
        for system, batch in jobs:
            print(f"repeat {repeat + 1}: {system}, {batch} trials", file=sys.stderr, flush=True)
            rows += in_own_process(system, batch)
            if args.json:
                args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    report(rows, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
