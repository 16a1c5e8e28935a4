"""Of all parts together."""

import pytest
import torch

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


@pytest.mark.parametrize("times", [1, 2, 4, 7])
def test_what_works_a_few_times_only_is_told_and_not_raised(check, words, times) -> None:
    left = iter(range(times))

    class Tired(words):
        def example_input(self) -> torch.Tensor:
            if next(left, None) is None:
                raise OSError("no file")
            return super().example_input()

    told = check(Tired())
    assert told
    assert all("OSError: no file (" in each for each in told)
