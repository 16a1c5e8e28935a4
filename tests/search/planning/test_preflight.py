import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS
from search.planning.preflight import preflight


class Words:
    """Networks over (N, 6) with whatever a test replaces; `student` takes no width."""

    def teacher(self) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))

    def student(self, depth: int) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))

    def batches(self, split: str):
        yield torch.zeros(4, 6), torch.zeros(4, dtype=torch.long)

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 6)


@pytest.fixture
def check(make_config) -> Callable[..., list[str]]:
    """What preflight tells of a task, in a space of one student with the given changes; [] if nothing."""

    def run(task: object, **space) -> list[str]:
        changes = {"student": {"depth": [1]}, "distillation": {"alpha": 0.5}, "pruning": {"method": "none"}, **space}
        return [str(problem) for problem in preflight(task, make_config(space=changes).space)]

    return run


def test_a_task_that_works_has_no_problem(check) -> None:
    assert check(Words(), pruning={"method": ["none", "channel"], "ratio": 0.5}) == []


def test_an_example_that_fails_is_told_once_and_not_by_each_network(check) -> None:
    class Hungry(Words):
        def example_input(self) -> torch.Tensor:
            raise FileNotFoundError("example.npy")

    class Listing(Words):
        def example_input(self) -> list[float]:
            return [0.0]

    assert check(Hungry(), student={"depth": [1, 2]}) == ["task.use: example_input(): FileNotFoundError: example.npy"]
    assert check(Listing(), student={"depth": [1, 2]}) == [
        "task.use: example_input() gives a list, not a tensor or a tuple of tensors"
    ]


def test_students_are_tried_at_full_width_if_no_width_could_be_read(make_config) -> None:
    class Wide(Words):
        def student(self, depth: int, width: float = 1.0) -> nn.Module:
            raise ValueError(f"no width {width}")

    space = make_config(space={"student": {"depth": 1, "width": 0.5}}).space
    for tried, told in (
        (space, "space.student: student(1, width=0.5) with example_input(): ValueError: no width 0.5"),
        (
            space.without("student.width", [0.5]),
            "space.student.depth: student(1) with example_input(): ValueError: no width 1.0",
        ),
    ):
        assert [str(problem) for problem in preflight(Wide(), tried)] == [told]


def test_width_needs_a_student_that_takes_it(check) -> None:
    class Wide(Words):
        def student(self, depth: int, width: float = 1.0) -> nn.Module:
            if width < 0.5:
                raise ValueError(f"too narrow: {width}")
            return super().student(depth)

    space = {"student": {"depth": 1, "width": [0.25, 0.5, 1.0]}}
    advice = "write: def student(self, depth, width=1.0), or leave student.width at 1"
    assert check(Words(), **space) == [f"space.student.width: Words.student takes no width; {advice}"]
    assert check(Wide(), **space) == [
        "space.student: student(1, width=0.25) with example_input(): ValueError: too narrow: 0.25"
    ]


def test_students_must_answer_like_the_teacher(check) -> None:
    class Other(Words):
        def student(self, depth: int) -> nn.Module:
            return nn.Linear(6, 3)

    assert check(Other()) == ["space.student.depth: student(1) gives (1, 3), but teacher() gives (1, 2)"]


def test_features_that_cannot_be_compared_are_told_at_once(check) -> None:
    told = check(Words(), distillation={"feature": ["none", "hint", "attention", "relational"]})
    assert told == [
        "space.distillation.feature: attention for student(1): the network has no feature map (N, C, H, W) and no "
        "tokens (N, tokens, C) within; use another distiller; take it out of the axis"
    ]


def test_points_that_are_not_there_are_told(check) -> None:
    class Pointed(Words):
        def feature_points(self, depth: int) -> list[tuple[str, str]]:
            return [("1", "9")]

    (told,) = check(Pointed(), distillation={"feature": "hint"})
    assert told.startswith(
        "space.distillation.feature: hint for student(1): feature_points names a module of the student: '9' is not "
        "known; legal: 0, 1, 2"
    )

    class Broken(Words):
        def feature_points(self, depth: int) -> list[tuple[str, str]]:
            raise KeyError(depth)

    (told,) = check(Broken(), distillation={"feature": "hint"})
    assert told == "space.distillation.feature: hint for student(1): KeyError: 1; take it out of the axis"


def test_a_student_that_could_begin_with_nothing_is_told(check) -> None:
    class Strange(Words):
        def student(self, depth: int) -> nn.Module:
            return nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 2))

    space = {"student": {"depth": 1, "init": ["random", "teacher"]}}
    assert check(Words(), **space) == []
    (told,) = check(Strange(), **space)
    assert told.startswith("space.student.init: student(1): no layer of the teacher has the name and shape of one of")


@pytest.mark.parametrize(
    ("registry", "name", "where"),
    [
        (PRUNERS, "channel", "space.pruning.method"),
        (IMPORTANCES, "l2", "space.pruning.importance"),
        (QUANTIZERS, "static-int8", "space.quantization.scheme"),
    ],
    ids=["pruner", "importance", "quantizer"],
)
def test_techniques_are_asked_about_the_teacher(check, monkeypatch, registry, name: str, where: str) -> None:
    asked = []

    def problem(model: nn.Module, *rest: object) -> str:
        asked.append((model, *rest))
        return "it has no wheels"

    monkeypatch.setattr(registry[name], "problem", problem)
    told = check(
        Words(),
        pruning={"method": ["none", "channel"], "ratio": 0.5},
        quantization={"scheme": ["none", name]} if registry is QUANTIZERS else {},
    )
    assert told == [f"{where}: {name}: it has no wheels; take it out of the axis"]
    ((model, *rest),) = asked
    assert isinstance(model, nn.Sequential)
    assert [torch.is_tensor(about) for about in rest] == ([True] if registry is PRUNERS else [])


def test_techniques_out_of_the_space_are_not_asked(check, monkeypatch) -> None:
    monkeypatch.setattr(PRUNERS["channel"], "problem", lambda *about: "bad")
    assert check(Words()) == []


def test_everything_is_told_at_once(check, monkeypatch) -> None:
    class Bad(Words):
        def batches(self, split: str):
            return iter(())

    def problem(*about: object) -> str:
        raise ZeroDivisionError("wheels")

    monkeypatch.setattr(PRUNERS["channel"], "problem", problem)
    space = {"student": {"depth": 1, "width": 0.5}, "distillation": {"feature": "attention"}}
    told = check(Bad(), pruning={"ratio": 0.5}, **space)
    assert [re.split(": ", problem)[0] for problem in told] == [
        "space.student.width",
        "space.pruning.method",
        "space.distillation.feature",
        "task.use",
        "task.use",
        "task.use",
    ]
    assert told[1] == "space.pruning.method: channel: ZeroDivisionError: wheels; take it out of the axis"
