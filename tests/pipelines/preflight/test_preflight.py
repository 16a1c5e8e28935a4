"""Of all parts together."""

from pipelines.pruners import PRUNERS


def test_a_task_that_works_has_no_problems(check, words) -> None:
    assert check(words(), pruning={"method": ["none", "channel"], "ratio": 0.5}) == []


def test_everything_is_told_at_once(check, words, monkeypatch) -> None:
    class Bad(words):
        def batches(self, split: str):
            return iter(())

    def problem(*about: object) -> str:
        raise ZeroDivisionError("wheels")

    monkeypatch.setattr(PRUNERS["channel"], "problem", problem)
    space = {"student": {"depth": 1, "width": 0.5}, "distillation": {"feature": "attention"}}
    told = check(Bad(), pruning={"ratio": 0.5}, **space)
    assert [problem.split(": ")[0] for problem in told] == [
        "space.student.width",
        "space.pruning.method",
        "space.distillation.feature",
        "task.use",
        "task.use",
        "task.use",
    ]
    assert told[1] == "space.pruning.method: channel: ZeroDivisionError: wheels; take it out of the axis"
