import copy
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipelines.distillers import FEATURES, RESPONSE, Point, Signals
from pipelines.distillers.hint import Hint
from pipelines.distillers.teaching import distillation_problem, feature_pairs, task_points, taught, teach
from pipelines.errors import TrialFailed
from pipelines.training.context import Context
from pipelines.training.feed import TrainBatch

ALONE = {"depth": 1, "alpha": 0, "feature": "none"}
RESPONSE_ONLY = {"depth": 1, "alpha": 0.5, "temperature": 4, "feature": "none"}
FEATURE_ONLY = [{"depth": 1, "alpha": 0, "feature": name, "beta": 1} for name in FEATURES]
EVERYTHING = {"depth": 1, "alpha": 0.5, "temperature": 4, "feature": "hint", "beta": 2}
WAYS = [ALONE, RESPONSE_ONLY, *FEATURE_ONLY, EVERYTHING]


def name(params: dict) -> str:
    return "+".join(distiller.name for distiller in taught(params)) or "labels"


def hooks(*models: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for model in models for m in model.modules())


@pytest.fixture
def networks(fresh_cnn: Callable[..., nn.Module]) -> tuple[nn.Module, nn.Module]:
    """A student and a teacher, both untrained."""
    torch.manual_seed(0)
    return fresh_cnn(1, 8), fresh_cnn(2, 16)


@pytest.mark.parametrize("params", WAYS, ids=name)
def test_the_student_changes_and_the_teacher_does_not(context: Context, networks, params) -> None:
    student, teacher = networks
    before, own = copy.deepcopy(teacher.state_dict()), copy.deepcopy(student.state_dict())
    taught_student = teach(student, teacher, context, params, epochs=1)
    assert taught_student is student
    assert not student.training
    assert student.state_dict().keys() == own.keys()
    assert not torch.equal(student[0].weight, own["0.weight"])
    assert all(torch.equal(teacher.state_dict()[key], value) for key, value in before.items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert hooks(student, teacher) == 0


@pytest.mark.parametrize("params", WAYS, ids=name)
def test_the_same_seed_teaches_the_same(context: Context, networks, params) -> None:
    first, teacher = networks
    second = copy.deepcopy(first)
    for student in (first, second):
        torch.manual_seed(5)
        teach(student, teacher, context, params, epochs=1)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


@pytest.mark.gpu
@pytest.mark.parametrize("params", WAYS, ids=name)
def test_one_teacher_teaches_more_than_once_on_a_gpu(context: Context, networks, params) -> None:
    student, teacher = networks
    for _ in range(2):  # as after each of several cuts
        teach(student, teacher, replace(context, device=torch.device("cuda")), params, epochs=1)
    assert {parameter.device.type for network in networks for parameter in network.parameters()} == {"cpu"}


def test_the_weights_are_those_of_the_recipe(context: Context, networks, monkeypatch) -> None:
    """The loss of two examples by hand: (1 - α) labels + α response + β features."""
    student, teacher = networks
    losses: list[tuple[Tensor, Tensor, Tensor]] = []

    def once(pupil: nn.Module, context: Context, *, loss, **how) -> nn.Module:
        inputs, targets = next(iter(context.task.batches("train")))
        outputs = pupil.eval()(inputs)
        losses.append((loss(TrainBatch(inputs, targets), outputs), outputs, targets))
        return pupil

    monkeypatch.setattr("pipelines.distillers.teaching.train", once)
    torch.manual_seed(5)
    teach(student, teacher, context, EVERYTHING, epochs=1)
    ((value, outputs, targets),) = losses
    images, _ = next(iter(context.task.batches("train")))
    shown = teacher(images)
    own = Signals(outputs, (student[:-1](images),)), Signals(shown, (teacher[:-1](images),))
    torch.manual_seed(5)
    hint = FEATURES["hint"].loss(*own, EVERYTHING)(*own)
    response = RESPONSE.loss(*own, EVERYTHING)(*own)
    torch.testing.assert_close(value, 0.5 * cross_entropy(outputs, targets) + 0.5 * response + 2 * hint)


def test_projections_are_trained_and_thrown_away(context: Context, networks, monkeypatch) -> None:
    student, teacher = networks
    lessons: list[tuple[nn.Module, list[Tensor]]] = []

    class Recording(Hint):
        def loss(self, *arguments) -> nn.Module:
            loss = super().loss(*arguments)
            lessons.append((loss, [p.detach().clone() for p in loss.parameters()]))
            return loss

    monkeypatch.setitem(FEATURES, "hint", Recording())
    names = [name for name, _ in student.named_modules()]
    teach(student, teacher, context, FEATURE_ONLY[0], epochs=1)
    ((loss, before),) = lessons
    assert all(not torch.equal(a, b) for a, b in zip(loss.parameters(), before, strict=True))
    assert [name for name, _ in student.named_modules()] == names


def test_features_bring_the_student_closer_than_labels_alone(context: Context, networks) -> None:
    student, teacher = networks
    images, _ = next(iter(context.task.batches("validation")))

    @torch.no_grad()
    def apart(student: nn.Module) -> float:
        own, shown = (Signals(model(images), (model[:-1](images),)) for model in (student, teacher))
        return float(FEATURES["relational"].loss(own, shown, {})(own, shown))

    # So many epochs that it holds whatever the weights are at first: of 30 seeds in 30, which after two it did not.
    relational = {"depth": 1, "alpha": 0, "feature": "relational", "beta": 100}
    alone, closer = (teach(copy.deepcopy(student), teacher, context, way, epochs=20) for way in (ALONE, relational))
    assert apart(closer) < min(apart(student), apart(alone))


@pytest.mark.parametrize("params", [*FEATURE_ONLY, EVERYTHING], ids=name)
def test_no_hook_is_left_when_training_fails(context: Context, networks, params) -> None:
    failing = replace(context, training=context.training.model_copy(update={"learning_rate": 1e30}))
    with pytest.raises(TrialFailed, match="the loss became"):
        teach(*networks, failing, params, epochs=2)
    assert hooks(*networks) == 0


def pointed(tiny, points: object) -> object:
    class Pointed(type(tiny)):
        def feature_points(self, depth: int) -> object:
            return points

    return Pointed()


def test_the_task_says_where_to_listen(tiny, networks) -> None:
    task = pointed(tiny, [("2", "2"), ("5", "2")])
    expected = ((Point("2"), Point("2")), (Point("5"), Point("2")))
    for distiller in FEATURES.values():
        assert feature_pairs(distiller, *networks, task, 1) == expected
        assert distillation_problem(distiller, *networks, task, 1) is None
    assert feature_pairs(RESPONSE, *networks, task, 1) == ()


def test_without_the_hook_a_point_is_found(tiny, networks) -> None:
    """The student has its layers at 0 to 5, the teacher at 0 to 8."""
    found = {each.name: feature_pairs(each, *networks, tiny, 1) for each in (RESPONSE, *FEATURES.values())}
    embedding = ((Point("8", "input"), Point("5", "input")),)
    maps = ((Point("6"), Point("3")),)  # 2 × 2, after the pooling
    assert found == {"response": (), "hint": embedding, "attention": maps, "relational": embedding}


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([("2", "0.body")], "feature_points names a module of the student: '0.body' is not known; legal: 0, 1, 2, 3"),
        ([("99", "2")], "feature_points names a module of the teacher: '99' is not known; legal: 0, 1, 2, 3, 4, 5, 6"),
        ([("2",)], "feature_points(1) must give pairs (teacher's module, student's module) of names, not [('2',)]"),
        (["25"], "feature_points(1) must give pairs (teacher's module, student's module) of names, not ['25']"),
        ([(2, 2)], "feature_points(1) must give pairs (teacher's module, student's module) of names, not [(2, 2)]"),
        ([], "feature_points(1) must give pairs (teacher's module, student's module) of names, not []"),
        (None, "feature_points(1) must give pairs (teacher's module, student's module) of names, not None"),
    ],
    ids=["student's", "teacher's", "one name", "a word", "numbers", "nothing", "None"],
)
def test_points_that_are_wrong_are_told(tiny, networks, points, told: str) -> None:
    problem = distillation_problem(FEATURES["hint"], *networks, pointed(tiny, points), 1)
    assert problem is not None
    assert problem.startswith(told)


def test_a_problem_fails_the_trial_with_its_reason(context: Context, tiny, networks) -> None:
    flat = replace(context, task=pointed(tiny, [("7", "4")]))  # flattened features
    reason = "attention distillation does not work here: the student's features are (1, 32) and the teacher's (1, 64)"
    with pytest.raises(TrialFailed, match=re.escape(reason)):
        teach(*networks, flat, {**FEATURE_ONLY[1]}, epochs=1)
    assert hooks(*networks) == 0


def test_points_are_plain_data(tiny) -> None:
    assert task_points(tiny, 1) is None
    assert task_points(pointed(tiny, [["2", "2"]]), 1) == [("2", "2")]


class Asked(nn.Linear):
    """A network that counts the examples of which it was asked."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.examples = 0

    def forward(self, x: Tensor) -> Tensor:
        self.examples += len(x)
        return super().forward(x)


class FixedTensors:
    """Ten examples that are the same each time."""

    x, y = torch.randn(10, 2, generator=torch.Generator().manual_seed(0)), torch.arange(10) % 2

    def batches(self, split: str):
        return [(self.x[:4], self.y[:4])]

    def tensors(self, split: str):
        return self.x, self.y

    def example_input(self) -> Tensor:
        return self.x[:1]


class ChangedTensors(FixedTensors):
    def augment(self, inputs: Tensor, targets: Tensor):
        return inputs, targets  # it might change them


def test_where_examples_are_fixed_the_teacher_is_asked_once(context: Context) -> None:
    students, asked = [], []
    for task in (FixedTensors(), ChangedTensors()):
        torch.manual_seed(0)
        teacher, student = Asked(), nn.Linear(2, 2)
        teach(student, teacher, replace(context, task=task), {"alpha": 0.5, "temperature": 2.0}, epochs=3)
        students.append(student)
        asked.append(teacher.examples - 1)  # the example input
    assert asked == [10, 3 * 10]
    assert torch.equal(students[0].weight, students[1].weight)
