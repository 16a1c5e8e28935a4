"""What grows with the number of trials: reading a sweep, resuming it, its files, and the sampler's suggestions.

A finished sweep of trials that do nothing (those of `benchmarks/overhead.py`) is written to a folder, without Ray and
without MLflow; then everything is timed that reads all of it. The sampler is asked as a sweep asks it, Optuna's own and
Paredown's, which suggests the same. Seconds are the processor's, as wall time says little on a busy machine.

    python benchmarks/scale.py --trials 1000 10000 --asks 600
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import optuna

from benchmarks.overhead import analytic, config, evaluate
from pipelines.meters import Measurement
from search.samplers import SAMPLERS
from search.study.history import History
from search.study.outcome import Complete
from search.study.proposal import BASELINE, Proposal
from search.study.saved import load_sweep
from search.study.study import Study
from search.study.trial import Result, Trial
from search.study.workspace import Workspace
from search.suggest.queue import StudyQueue
from search.suggest.suggester import Suggester
from search.tracking.exhibits import write_front, write_overview, write_picture
from search.tracking.note import note

LASTS_S, AFTER_S = 5.0, 6.0
"""So long each trial lasts, and so much later the next begins."""


def build(trials: int, workspace: Workspace) -> None:
    """Write a finished sweep of `trials` different trials."""
    asked = config(trials)
    folder = workspace.sweep(asked.sweep)
    rng, seen = random.Random(0), set[str]()
    with patch("os.fsync", lambda file: None):  # what is lost is made again
        study = Study(asked, folder)
        folder.config.write_text(asked.dump(), encoding="utf-8")
        proposal = BASELINE
        while len(study.trials) < trials:
            trial, now = study.begin(proposal), AFTER_S * len(study.trials)
            found = Complete(evaluate(trial.recipe).measurement, "")
            study.tell(Result(trial.number, now, now + LASTS_S, found))
            seen.add(trial.recipe.digest)
            while proposal.recipe.digest in seen:
                params = asked.space.draw(rng)
                proposal = Proposal(asked.space.recipe(params), params, "sampler")


def timed(words: str, work: Callable[[], Any]) -> Any:
    """What `work` gives; its seconds are printed."""
    before = time.process_time()
    found = work()
    print(f"  {words}: {time.process_time() - before:.3f} s", flush=True)
    return found


def measure(trials: int, workspace: Workspace) -> None:
    """Print what reading, resuming and showing the sweep takes."""
    asked = config(trials)
    sweep = timed("read (status, front)", lambda: load_sweep(asked.sweep, workspace))
    study = timed("resume: read", lambda: Study(asked, workspace.sweep(asked.sweep)))
    timed("resume: learn", lambda: StudyQueue(study))
    timed("resume: history for MLflow", lambda: History(sweep.trials, asked))
    timed("note", lambda: note(asked, sweep.state))
    with tempfile.TemporaryDirectory() as folder:
        timed("files of the front", lambda: write_front(Path(folder), asked, sweep.state, sweep.trials))
        timed("picture of the front", lambda: write_picture(Path(folder), asked, sweep.state, sweep.trials))
        timed("pictures of all trials", lambda: write_overview(Path(folder), asked, sweep.state, sweep.trials))


def asks(count: int) -> list[float]:
    """The seconds of each of `count` suggestions, each of which is told before the next."""
    asked, seconds = config(count), []
    suggester = Suggester("tpe", asked.space, asked.objectives, asked.constraints, 0)
    for number in range(count):
        before = time.process_time()
        params = suggester.suggest()
        seconds.append(time.process_time() - before)
        assert params is not None
        found = Complete(Measurement(analytic({name.partition(".")[2]: value for name, value in params.items()})), "")
        trial = Trial(number, asked.space.recipe(params), params, "", 0.0)
        suggester.learn(trial.finish(Result(number, 0.0, 0.0, found)))
    return seconds


class Stock:
    """Optuna's own sampler."""

    name, conditional = "tpe", True

    def make(self, seed: int) -> optuna.samplers.BaseSampler:
        """See `Sampler.make`."""
        return optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed)

    def attributes(self, study: optuna.Study) -> dict[str, int]:
        """None."""
        return {}


def main() -> None:
    """Measure and print; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="*", default=[1000, 10000])
    parser.add_argument("--asks", type=int, default=600)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for trials in options.trials:
        with tempfile.TemporaryDirectory() as folder:
            build(trials, Workspace(Path(folder)))
            print(f"{trials} trials, processor time; load {os.getloadavg()[0]:.0f}")
            measure(trials, Workspace(Path(folder)))
    last = options.asks // 3
    for words, sampler in {"Optuna's": Stock(), "Paredown's": SAMPLERS["tpe"]}.items():
        with patch.dict(SAMPLERS, {"tpe": sampler}):
            seconds = asks(options.asks)
        print(
            f"{words}: {1000 * sum(seconds[-last:]) / last:.1f} ms for each of the last {last} of {options.asks} asks"
        )


if __name__ == "__main__":
    sys.exit(main())
