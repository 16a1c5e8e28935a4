"""Trials on real Ray, with work whose outcome is known beforehand."""

import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from pipelines import Evaluation, StageKey, TrialFailed
from pipelines.meters import Measurement
from search.config.sections import ClusterSection
from search.errors import SweepError
from search.execution.ray_executor import RayExecutor
from search.study.study import Study
from search.suggest.costs import Costs
from search.suggest.in_flight import InFlight
from search.suggest.queue import StudyQueue

pytestmark = pytest.mark.slow

LEAVING = """
import gc
import threading
import time

import ray

from search.execution.ray_session import leave


def litter():
    while True:
        cycles = []
        for _ in range(2000):
            cycle = []
            cycle.append(cycle)
            cycles.append(cycle)
        time.sleep(0.0005)


threading.Thread(target=litter, daemon=True).start()
for _ in range(4):
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    gc.set_threshold(700, 10, 10**6)  # until the references are garbage
    cycles = []
    for _ in range(3000):
        cycle = []
        cycle += [cycle, ray.put(1)]
        cycles.append(cycle)
    gc.set_threshold(700, 10, 1)
    del cycle, cycles
    leave()
print("went on")
"""


class Slow:
    """A task of one slow stage that all recipes share; each time that it is built leaves a file.

    Every other trial waits until two are at work at once: it fails if that does not come to pass.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, recipe) -> Evaluation:
        if not recipe.steps:
            (self.folder / f"built-{os.getpid()}-{time.monotonic_ns()}").touch()
            time.sleep(2)
            (self.folder / "teacher").touch()
        elif not self.stored("teacher"):
            raise TrialFailed("the shared stage is not there")
        else:
            (self.folder / f"at-work-{recipe.digest}").touch()
            deadline = time.monotonic() + 120
            while len(list(self.folder.glob("at-work-*"))) < 2:
                if time.monotonic() > deadline:
                    raise TrialFailed("nobody else is at work")
                time.sleep(0.05)
        return Evaluation(Measurement({"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0}), (), "")

    def chain(self, recipe) -> tuple[StageKey, ...]:
        return (StageKey("teacher", "teacher"), StageKey("measure", recipe.digest))

    def stored(self, key: str) -> bool:
        return (self.folder / key).exists()


def test_ray_asks_again_for_a_trial_that_had_to_wait(make_config, folder, tmp_path) -> None:
    """While one worker builds what all need, the other gets nothing; then both are at work at once."""
    slow = Slow(tmp_path)
    study = Study(make_config(search={"trials": 3}), folder)
    queue = StudyQueue(study, [], InFlight(slow.chain, slow.stored, Costs()))
    with closing(RayExecutor(ClusterSection(max_concurrent_trials=2), folder.ray)) as executor:
        executor.run(queue, slow, folder.results)
    assert [trial.state for trial in study.trials] == ["complete"] * 3
    assert len(list(tmp_path.glob("built-*"))) == 1


def test_warm_workers_are_kept_when_trials_are_stopped(make_config, folder) -> None:
    """Trials stop on the way; once the driver cannot tell; the sweep goes on with the workers that it has."""

    def evaluate(recipe, share=1.0):
        import os

        from pipelines import Evaluation, StageRun
        from pipelines.meters import Measurement

        accuracy = int(recipe.digest[:6], 16) / 16**6
        name = f"process {os.getpid()}"
        stages = (StageRun(name, f"{recipe.digest}@{share}", 1.0, False),)
        return Evaluation(Measurement({"accuracy": accuracy, "latency_ms": 1.0, "size_mb": 1.0}), stages, "k")

    config = make_config(
        search={"trials": 20, "stopping": "halving"},
        space={"pruning": {"method": "channel"}},
        cluster={"max_concurrent_trials": 1},
    )
    study = Study(config, folder)
    queue = StudyQueue(study)
    judge, calls = queue.judge, []

    def unsure(trial, result):
        calls.append(trial.number)
        if len(calls) == 3:
            raise OSError("no space left on device")
        return judge(trial, result)

    queue.judge = unsure
    with closing(RayExecutor(config.cluster, folder.ray)) as executor:
        executor.run(queue, evaluate, folder.results)
    assert queue.exhausted
    states = Counter(trial.state for trial in study.trials)
    assert set(states) == {"complete", "stopped"}
    assert states["stopped"] >= 8
    for trial in study.trials:
        assert calls.count(trial.number) == {0: 0}.get(trial.number, 1 if trial.result.fidelity == 1 / 9 else 2)
        assert len(trial.result.computed) == (
            1 if trial.number == 0 else {1 / 9: 1, 1 / 3: 2, 1.0: 3}[trial.result.fidelity]
        )
    workers = {stage.name for trial in study.trials for stage in trial.result.computed}
    assert len(workers) == 1
    assert list(folder.results.iterdir()) == []


def test_leaving_ray_ends_no_process_whose_other_threads_collect_garbage(tmp_path) -> None:
    """References in cycles that are freed while Ray shuts down: left to itself, Ray ends such a process."""
    done = subprocess.run(
        [sys.executable, "-c", LEAVING],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout.split("\n")[-2:] == ["went on", ""], done.stderr


def test_a_worker_that_cannot_write_ends_the_sweep_with_its_error(make_config, folder, tmp_path) -> None:
    (tmp_path / "results" / "0.end").mkdir(parents=True)  # where the worker would write a file
    study = Study(make_config(search={"trials": 3}), folder)
    said = r"cannot write down what it does: .*Is a directory"
    executor = RayExecutor(ClusterSection(max_concurrent_trials=1), folder.ray)
    with closing(executor), pytest.raises(SweepError, match=said):
        executor.run(StudyQueue(study), Slow(tmp_path), tmp_path / "results")
    assert [trial.state for trial in study.trials] == ["running"]


def test_results_may_have_no_folder_yet(make_config, folder, tmp_path) -> None:
    study = Study(make_config(search={"trials": 1}), folder)
    with closing(RayExecutor(ClusterSection(max_concurrent_trials=1), folder.ray)) as executor:
        executor.run(StudyQueue(study), Slow(tmp_path), tmp_path / "new" / "results")
    assert [trial.state for trial in study.trials] == ["complete"]
