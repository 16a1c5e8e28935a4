from torch import nn

from pipelines import STEPS
from pipelines.preflight import preflight
from spaces import SearchSpace


def test_width_needs_a_student_that_takes_it(check, words) -> None:
    class Wide(words):
        def student(self, depth: int, width: float = 1.0) -> nn.Module:
            if width < 0.5:
                raise ValueError(f"too narrow: {width}")
            return super().student(depth)

    space = {"student": {"depth": 1, "width": [0.25, 0.5, 1.0]}}
    advice = "write: def student(self, depth, width=1.0), or leave student.width at 1"
    assert check(words(), **space) == [f"space.student.width: Words.student takes no width; {advice}"]
    assert check(Wide(), **space) == [
        "space.student: student(1, width=0.25) with example_input(): ValueError: too narrow: 0.25"
    ]


def test_students_must_answer_like_the_teacher(check, words) -> None:
    class Other(words):
        def student(self, depth: int) -> nn.Module:
            return nn.Linear(6, 3)

    assert check(Other()) == ["space.student.depth: student(1) gives (1, 3), but teacher() gives (1, 2)"]


def test_a_teacher_that_is_no_network_is_told_and_techniques_are_not_asked(check, words) -> None:
    class Listed(words):
        def teacher(self) -> list[nn.Module]:
            return [nn.Linear(6, 2)]

    told = check(Listed(), pruning={"ratio": 0.5}, distillation={"feature": "attention"})
    assert told == ["task.use: teacher() gives a list, not a torch.nn.Module"]


def test_students_are_tried_at_full_width_if_no_width_could_be_read(words) -> None:
    class Wide(words):
        def student(self, depth: int, width: float = 1.0) -> nn.Module:
            raise ValueError(f"no width {width}")

    space = SearchSpace.parse({"student": {"depth": 1, "width": 0.5}, "distillation": {"alpha": 0.5}}, STEPS)
    for tried, told in (
        (space, "space.student: student(1, width=0.5) with example_input(): ValueError: no width 0.5"),
        (
            space.without("student.width", [0.5]),
            "space.student.depth: student(1) with example_input(): ValueError: no width 1.0",
        ),
    ):
        assert [str(problem) for problem in preflight(Wide(), tried)] == [told]
