"""Of all parts together."""

from pipelines.quantizers import QUANTIZERS


def test_a_task_that_works_has_no_problems(check, words) -> None:
    assert check(words(), pruning={"method": ["none", "channel"], "ratio": 0.5}) == []


def test_everything_is_told_at_once(check, words, monkeypatch) -> None:
    class Bad(words):
        def batches(self, split: str):
            return iter(())

    def problem(*about: object) -> str:
        raise ZeroDivisionError("wheels")

    monkeypatch.setattr(QUANTIZERS["static-int8"], "problem", problem)
    space = {"student": {"depth": 1, "width": 0.5}, "distillation": {"feature": "attention"}}
    told = check(Bad(), quantization={"scheme": "static-int8"}, **space)
    assert [problem.split(": ")[0] for problem in told] == [
        "task.use",
        "space.student.width",
        "space.quantization.scheme",
        "space.distillation.feature",
    ]
    assert told[2].startswith("space.quantization.scheme: static-int8: ZeroDivisionError: wheels (")
    assert told[2].endswith("; take it out of the axis")
