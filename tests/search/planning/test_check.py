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
