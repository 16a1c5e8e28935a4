import gc
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
import ray
from ray._private.node import Node

from search.config.sections import ClusterSection
from search.errors import SweepError
from search.execution import interruption
from search.execution.notices import Notices
from search.execution.ray_executor import MAX_DEATHS, RayExecutor
from search.execution.ray_session import STARTS
from search.execution.ray_watch import RayDied, RayWatch, dead_process
from search.study.study import Study
from search.suggest.queue import StudyQueue


@pytest.fixture(autouse=True)
def little_to_look_at() -> Iterator[None]:
    """What other tests have loaded is no garbage, and takes long to look at."""
    gc.freeze()
    yield
    gc.unfreeze()


def node(*dead: str) -> SimpleNamespace:
    return SimpleNamespace(dead_processes=lambda: [(name, None) for name in dead])


@pytest.mark.parametrize(
    ("started", "name"),
    [
        (None, ""),
        (node(), ""),
        (node("log_monitor", "dashboard"), ""),
        (node("raylet"), "raylet"),
        (node("raylet", "gcs_server"), "gcs_server"),
    ],
)
def test_only_what_trials_need_counts_as_dead(monkeypatch, tmp_path, started, name) -> None:
    monkeypatch.setattr(ray._private.worker, "_global_node", started)
    assert dead_process() == name
    if name:
        with pytest.raises(RayDied, match=name):
            RayWatch(Notices(tmp_path)).on_step_begin(0, [])
    else:
        RayWatch(Notices(tmp_path)).on_step_begin(0, [])


def test_ray_is_started_again_a_few_times_and_no_trial_has_failed_by_that(
    config, folder, tmp_path, monkeypatch
) -> None:
    queue, starts, given = StudyQueue(Study(config, folder)), [], []

    def fit(searcher):
        given.append(searcher.suggest("tune")["trial"].number)
        raise RayDied("raylet")

    monkeypatch.setattr(ray, "init", lambda **_: starts.append(os.getpid()))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 1.0})
    monkeypatch.setattr(ray._private.worker, "_global_node", node("raylet"))
    executor = RayExecutor(ClusterSection(), tmp_path / "ray")
    monkeypatch.setattr(executor, "_tuner", lambda searcher, *_: SimpleNamespace(fit=lambda: fit(searcher)))
    with pytest.raises(SweepError, match="Ray's own process raylet died, and so did one 3 times before") as failure:
        executor.run(queue, None, folder.results)
    assert "run the same command to resume" in str(failure.value)
    assert len(starts) == 1 + MAX_DEATHS
    assert given == [0] * len(starts)
    assert queue.out == ()
    assert queue.next().number == 0


LONG = "validate_socket_filename failed: AF_UNIX path length cannot exceed 107 bytes: /tmp/xxx/plasma_store"


@pytest.mark.parametrize(
    ("error", "environment", "told"),
    [
        (OSError(LONG), {}, "107 bytes.*; set TMPDIR to a folder with a shorter path"),
        (OSError(LONG), {"RAY_TMPDIR": "/tmp/xxx"}, "; set RAY_TMPDIR to a folder with a shorter path"),
        (PermissionError(13, "Permission denied", "/proc/ray"), {}, "; set TMPDIR to a folder that can be written"),
        (RuntimeError("no raylet"), {}, "no raylet; if one of its processes was killed, .* run the same command again"),
    ],
)
def test_why_ray_does_not_start_is_told_with_what_helps(
    config, folder, tmp_path, monkeypatch, error, environment, told
) -> None:
    def refuse(**_):
        raise error

    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(SweepError, match=f"cannot start Ray on this machine: .*{told}"):
        RayExecutor(ClusterSection(), tmp_path / "ray").run(StudyQueue(Study(config, folder)), None, folder.results)


class SlowNode(Node):
    """A part of Ray that does not start in time."""

    def __init__(self, ended: list[str]) -> None:
        self.ended = ended
        raise RuntimeError("The current node timed out during startup. This could happen because …")

    def kill_all_processes(self, **_: object) -> None:
        self.ended.append("its processes")


@pytest.mark.parametrize("slow", [1, STARTS])
def test_a_ray_that_is_slow_to_start_is_started_again(config, folder, tmp_path, monkeypatch, slow) -> None:
    told, ended, left = list[str](), list[str](), iter(range(slow))

    def init(**_: object) -> None:
        if next(left, None) is not None:
            SlowNode(ended)
        raise OSError("quick to fail")

    monkeypatch.setattr(ray, "init", init)
    why = "timed out during startup" if slow == STARTS else "quick to fail"
    with pytest.raises(SweepError, match=f"cannot start Ray on this machine: .*{why}"):
        RayExecutor(ClusterSection(), tmp_path / "ray", told.append).run(
            StudyQueue(Study(config, folder)), None, folder.results
        )
    again = min(slow, STARTS - 1)
    assert told == ["Ray is slow to start, as this machine is busy: trying again"] * again
    assert ended == ["its processes"] * again


@pytest.mark.parametrize("anothers", [True, False])
def test_only_a_ray_of_ones_own_is_left(config, folder, tmp_path, monkeypatch, anothers) -> None:
    left = []
    monkeypatch.setattr(ray, "is_initialized", lambda: anothers)
    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 0.0})
    monkeypatch.setattr(ray, "shutdown", lambda: left.append(gc.isenabled()))
    queue = StudyQueue(Study(config, folder))
    with (
        pytest.raises(SweepError, match="Ray is in use by this process already" if anothers else "no trial fits"),
        closing(RayExecutor(ClusterSection(), tmp_path / "ray")) as executor,
    ):
        executor.run(queue, None, folder.results)
    assert left == ([] if anothers else [False])


def test_a_signal_that_ray_takes_while_it_starts_is_one_to_stop(config, folder, tmp_path, monkeypatch) -> None:
    def take(**_):
        raise SystemExit(signal.SIGTERM)

    monkeypatch.setattr(interruption, "_asked", 0)
    monkeypatch.setattr(ray, "init", take)
    with pytest.raises(KeyboardInterrupt):
        RayExecutor(ClusterSection(), tmp_path / "ray").run(StudyQueue(Study(config, folder)), None, folder.results)
    assert interruption.exit_code() == 143
