import sys
from types import SimpleNamespace

import pytest

from pipelines.preflight import Findings
from search.planning.check import check_sweep


class Fitting:
    """Trains by itself."""

    def fit(self, model: object, job: object) -> None:
        """Nothing is called."""


@pytest.mark.parametrize(("gpus", "told"), [(1, []), (2, ["cluster.gpus_per_trial"])])
def test_a_loop_of_one_s_own_trains_on_one_gpu(monkeypatch, gpus: int, told: list[str]) -> None:
    monkeypatch.setattr("search.planning.check.load_task", lambda use, args: Fitting())
    monkeypatch.setattr("search.planning.check.preflight", lambda *given: Findings())
    raw = {"sweep": "s", "task": {"use": "mine:Fitting"}, "space": {}, "cluster": {"gpus_per_trial": gpus}}
    problems = [problem for problem in check_sweep(raw).problems if problem.where.startswith("cluster")]
    assert [problem.where for problem in problems] == told
    assert all("the task's fit trains by itself, on one GPU" in problem.message for problem in problems)


@pytest.mark.parametrize("before", [False, True])
def test_a_task_that_starts_ray_is_refused(monkeypatch, before: bool) -> None:
    runs = [before]
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: runs[-1]))
    monkeypatch.setattr("search.planning.check.load_task", lambda use, args: runs.append(True))
    problems = check_sweep({"sweep": "s", "task": {"use": "mine:Own"}, "space": {}}).problems
    told = [problem.message for problem in problems if problem.where == "task.use"]
    assert told == ([] if before else ["its code starts Ray; take ray.init() out, as a sweep starts Ray itself"])
