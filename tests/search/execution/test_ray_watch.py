import os
from types import SimpleNamespace

import pytest
import ray

from search.config.sections import ClusterSection
from search.errors import SweepError
from search.execution.notices import Notices
from search.execution.ray_executor import MAX_DEATHS, RayExecutor
from search.execution.ray_watch import RayDied, RayWatch, dead_process
from search.study.study import Study
from search.suggest.queue import StudyQueue


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
