import pytest
import torch
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
    (told,) = check(Wide(), **space)
    assert told.startswith("space.student: student(1, width=0.25) with example_input(): ValueError: too narrow: 0.25 (")


def test_students_must_answer_like_the_teacher(check, words) -> None:
    class Other(words):
        def student(self, depth: int) -> nn.Module:
            return nn.Linear(6, 3)

    assert check(Other()) == ["space.student.depth: student(1) gives (1, 3), but teacher() gives (1, 2)"]


def test_a_parameter_of_its_own_is_an_argument_of_the_task_s_student(check, words) -> None:
    class Blocks(words):
        def student(self, depth: int, block: str = "basic") -> nn.Module:
            if block not in ("basic", "wide"):
                raise ValueError(f"no block {block}")
            return super().student(depth)

    assert check(Blocks(), student={"depth": 1, "block": ["basic", "wide"]}) == []
    assert check(Blocks(), student={"depth": 1, "blocks_": 2, "kernel": 3}) == [
        "space.student.blocks_: 'blocks_' is not known (did you mean 'block'?); legal: depth, width, init, block: what "
        "student of Blocks has as arguments",
        "space.student.kernel: 'kernel' is not known; legal: depth, width, init, block: what student of Blocks has as "
        "arguments",
    ]
    (told,) = check(Blocks(), student={"depth": 1, "block": ["basic", "narrow"]})
    assert told.startswith(
        "space.student: student(1, block='narrow') with example_input(): ValueError: no block narrow"
    )


def test_other_teachers_are_those_that_the_task_names(check, words) -> None:
    class Taught(words):
        def teachers(self) -> dict:
            return {"large": super().teacher, "other": lambda: nn.Linear(6, 3), "broken": lambda: nn.Linear(5, 2)}

    listening = {"alpha": 0.5, "temperature": 2}
    assert check(Taught(), distillation={**listening, "teacher": ["teacher", "large"]}) == []
    assert check(words(), distillation={**listening, "teacher": "large"}) == [
        "space.distillation.teacher: 'large' is not known; legal: teacher; others are what a method teachers() of the "
        "task names"
    ]
    wrong, broken = check(Taught(), distillation={**listening, "teacher": ["other", "broken"]})
    assert wrong == "space.distillation.teacher: teachers()['other'] gives (1, 3), but teacher() gives (1, 2)"
    assert broken.startswith("space.distillation.teacher: teachers()['broken'] with example_input(): RuntimeError:")


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
        (problem,) = preflight(Wide(), tried).problems
        assert str(problem).startswith(f"{told} (")


class Noisy(nn.Module):
    def __init__(self, noise: float) -> None:
        super().__init__()
        self.layer, self.noise = nn.Linear(6, 2), noise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + self.noise * torch.randn(len(x), 2)


class Halving(nn.Module):
    """Changes its input in place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.mul_(0.5))


class Nothing(nn.Linear):
    def forward(self, x: torch.Tensor) -> dict[str, None]:
        return {"loss": None}


class Pair(nn.Linear):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(x), x


def whole(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        model.weight.fill_(torch.nan)
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Noisy(1.0), "gives other outputs when asked twice: in evaluation mode nothing may be random"),
        (lambda: Noisy(3e-4), "gives other outputs when asked twice"),
        (lambda: Nothing(6, 2), "gives a dict, and no tensor in it"),
        (lambda: nn.Sequential(nn.Linear(6, 2), nn.Flatten(0)), "gives (2,) for (1, 6): the batch dimension has to"),
        (lambda: whole(nn.Linear(6, 2)), "gives outputs that are not finite"),
    ],
    ids=["random", "hardly random", "nothing", "no batch", "not finite"],
)
def test_answers_that_nothing_can_be_done_with_are_told_once_for_all_networks(check, words, make, message) -> None:
    class Strange(words):
        def teacher(self) -> nn.Module:
            return make()

        def student(self, depth: int) -> nn.Module:
            return make()

    (told,) = check(Strange(), student={"depth": [1, 2]})
    assert told.startswith(f"task.use: teacher(), student(1), student(2) with example_input(): {message}")


def test_of_several_outputs_it_is_told_which_is_scored_unless_the_task_says_it(words, warnings) -> None:
    class Pairs(words):
        def teacher(self) -> nn.Module:
            return Pair(6, 2)

    class Named(Pairs):
        outputs = ("output_0",)

    assert warnings(Pairs()) == [
        "task.use: teacher() gives several outputs, output_0, output_1: all are exported, and the first of them is "
        "scored; to choose, write outputs = ['output_0', …] in the task's class"
    ]
    assert warnings(Named()) == []


def test_a_network_may_change_what_it_is_given(check, words) -> None:
    class InPlace(words):
        def teacher(self) -> nn.Module:
            return Halving()

    task = InPlace()
    example = task.example_input = torch.ones(1, 6).clone
    assert check(task) == []
    assert example().eq(1).all()
