import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines import STEPS, Store, steps_of, steps_with
from pipelines.distillers import FEATURES
from pipelines.errors import TrialFailed
from pipelines.pipeline import network_stages, run_stages
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.stages import DISTIL, Distil, Prune, TrainTeacher
from pipelines.stages.distil import students_in, teachers_in
from pipelines.tasks.digits import Digits
from pipelines.training.context import Context
from spaces import InputError, Recipe, SearchSpace

PLAIN = {"depth": 1, "width": 1.0, "init": "random", "alpha": 0.5, "temperature": 4.0, "feature": "none"}
WAYS = {
    "labels": {"alpha": 0},
    "response": {},
    **{name: {"alpha": 0, "feature": name, "beta": 1} for name in FEATURES},
    "inherited": {"alpha": 0, "init": "teacher"},
}


def distilled(context: Context, folder: Path, **params: object) -> Checkpoint:
    folder.mkdir()
    torch.manual_seed(1)
    Distil().run(folder.parent, folder, {**PLAIN, **params}, context)
    return Checkpoint.load(folder, context.task)


def test_a_student_is_shallower_than_its_teacher(context: Context, tmp_path: Path) -> None:
    TrainTeacher().run(Path(), tmp_path, {}, context)
    student = distilled(context, tmp_path / "student")
    assert student.structure == [{"network": "student", "depth": 1, "width": 1.0}]
    assert len(student.model) < len(Checkpoint.load(tmp_path, context.task).model)


def test_taught_by_the_teacher_alone_it_answers_like_the_teacher(context: Context, tmp_path: Path) -> None:
    TrainTeacher().run(Path(), tmp_path, {}, context)
    teacher = Checkpoint.load(tmp_path, context.task).model
    student = distilled(context, tmp_path / "student", alpha=1.0).model
    for images, _ in context.task.batches("validation"):
        assert torch.equal(student(images).argmax(1), teacher(images).argmax(1))


@pytest.mark.parametrize("way", [way for way in WAYS if way != "labels"])
def test_the_teacher_is_asked_only_by_those_who_listen(context: Context, tmp_path: Path, way: str) -> None:
    distilled(context, tmp_path / "student", **WAYS["labels"])  # there is no teacher in the parent's folder
    with pytest.raises(FileNotFoundError):
        distilled(context, tmp_path / "other", **WAYS[way])


def test_an_untrained_student_has_no_two_tensors_alike(context: Context, tmp_path: Path) -> None:
    untrained = distilled(
        replace(context, fidelity=0.0, task=Digits()), tmp_path / "student", **WAYS["labels"], depth=2
    )
    tensors = [t for name, t in untrained.model.state_dict().items() if "num_batches" not in name]
    shapes = {tensor.shape for tensor in tensors}
    assert len(shapes) < len(tensors) == len({tuple(tensor.flatten().tolist()) for tensor in tensors})


@pytest.mark.parametrize("way", WAYS)
def test_a_seed_gives_one_student_which_comes_back_bit_by_bit(context: Context, tmp_path: Path, way: str) -> None:
    TrainTeacher().run(Path(), tmp_path, {}, context)
    one, other = (distilled(context, tmp_path / name, **WAYS[way]).model for name in ("one", "other"))
    fresh = context.task.student(1)
    assert one.state_dict().keys() == fresh.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    images, _ = next(iter(context.task.batches("validation")))
    assert torch.equal(one(images), other(images))


def test_a_pruned_network_teaches_if_it_comes_right_before(context: Context, tmp_path: Path) -> None:
    """With nothing but the direct parent in sight, and a teacher of another width than the task's own."""
    teacher, pruned = tmp_path / "teacher", tmp_path / "pruned"
    teacher.mkdir()
    pruned.mkdir()
    TrainTeacher().run(Path(), teacher, {}, context)
    Prune().run(teacher, pruned, {"method": "channel", "ratio": 0.5, "importance": "l2"}, context)
    shown = Checkpoint.load(pruned, context.task).model
    assert shown[0].weight.shape[0] == 8
    for feature in FEATURES:
        student = tmp_path / feature
        student.mkdir()
        torch.manual_seed(0)
        params = {**PLAIN, "alpha": 1.0, "feature": feature, "beta": 0.1}
        Distil().run(pruned, student, params, context)
        model = Checkpoint.load(student, context.task).model
        images, _ = next(iter(context.task.batches("validation")))
        assert (model(images).argmax(1) == shown(images).argmax(1)).float().mean() > 0.9


def test_an_inherited_student_begins_with_its_teachers_answers(context: Context, tmp_path: Path) -> None:
    """A student of the teacher's depth has every layer of it; with no epochs it is the teacher."""

    class Deep(type(context.task)):
        def student(self, depth: int) -> torch.nn.Module:
            return self.teacher()

    still = replace(context, task=Deep(), training=context.training.model_copy(update={"student_epochs": 0}))
    TrainTeacher().run(Path(), tmp_path, {}, still)
    teacher = Checkpoint.load(tmp_path, still.task).model
    student = distilled(still, tmp_path / "student", init="teacher").model
    images, _ = next(iter(context.task.batches("validation")))
    assert torch.equal(student(images), teacher(images))


def test_a_student_that_can_inherit_nothing_fails_with_the_reason(context: Context, tmp_path: Path) -> None:
    class Other(type(context.task)):
        def student(self, depth: int) -> torch.nn.Module:
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3), torch.nn.Linear(3, 2))

    other = replace(context, task=Other())
    TrainTeacher().run(Path(), tmp_path, {}, other)
    reason = (
        "no layer of the teacher has the name and shape of one of the student's, so that the student cannot begin with "
        "it; the student has 0, 1, 2, the teacher 0, 1, 2, 3, 4, 5, 6, 7, 8; use student.init: random"
    )
    with pytest.raises(TrialFailed, match=re.escape(reason)):
        distilled(other, tmp_path / "student", init="teacher")


def test_a_narrow_student_is_narrow_when_it_comes_back(context: Context, tmp_path: Path) -> None:
    digits = replace(context, task=Digits(), training=context.training.model_copy(update={"student_epochs": 0}))
    student = distilled(digits, tmp_path / "student", depth=2, width=0.5, alpha=0)
    assert student.model[0].weight.shape[0] == 16
    assert student.structure == [{"network": "student", "depth": 2, "width": 0.5}]


def test_a_depth_that_does_not_exist_is_the_tasks_to_refuse(context: Context, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a tiny student has 1 convolution, not 7"):
        Distil().run(tmp_path, tmp_path, {"depth": 7, "alpha": 0}, context)


def test_feature_points_are_part_of_the_key_of_who_listens_there(context: Context) -> None:
    settings = Distil().settings({**PLAIN, "depth": 2, "feature": "hint"}, replace(context, task=Digits()))
    assert settings["points"] == [("4", "4"), ("7", "5")]
    assert Distil().settings({**PLAIN, "feature": "hint"}, context)["points"] is None
    assert "points" not in Distil().settings(PLAIN, context)


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({"alpha": 0}, "d1"),
        ({}, "d1(α0.5,T4)"),
        ({"width": 0.5, "alpha": 0}, "d1w0.5"),
        ({"width": 0.5, "feature": "hint", "beta": 1}, "d1w0.5(α0.5,T4)·hint"),
        ({"alpha": 0, "feature": "attention", "beta": 0.1, "init": "teacher"}, "d1·attention(β0.1)·copied"),
    ],
    ids=["labels alone", "with a teacher", "narrow", "with hints", "all else"],
)
def test_its_label_names_the_student_and_the_teaching(params: dict, label: str) -> None:
    assert DISTIL.label({**PLAIN, **params}) == label


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("none", None),
        (1, None),
        (0, "0 is out of range; legal: a whole number >= 1 and <= 1000, or none for the teacher itself"),
        ("two", "'two' is not a whole number; legal: a whole number >= 1 and <= 1000, or none for the teacher itself"),
    ],
    ids=["none", "one", "zero", "word"],
)
def test_a_depth_is_a_whole_number_or_none(value: object, message: str | None) -> None:
    assert DISTIL.switch.domain.problem(value) == message


PRUNED = {"prune": {"ratio": 0.5}}


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            [{"distil": {"depth": 2, "width": 0.5, "init": "teacher"}}],
            "student.init teacher, student.width other than 1: a narrower student has no layer of the teacher's shape "
            "that it could begin with",
        ),
        (
            [PRUNED, {"distil": {"depth": 2, "init": "teacher"}}],
            "prune → distil, student.init teacher: the student cannot keep what pruning made: shapes differ, or its "
            "training fills the zeros up again",
        ),
        (
            [PRUNED, {"distil": {"depth": 2, "alpha": 0}}],
            "prune → distil, distillation.alpha 0, distillation.feature none, student.init random: the pruned teacher "
            "is thrown away: the student neither listens to it nor begins with its layers",
        ),
    ],
    ids=["narrow and inherited", "pruned and inherited", "pruned for nothing"],
)
def test_what_makes_no_sense_is_refused_with_the_reason(steps: list, told: str) -> None:
    with pytest.raises(InputError) as caught:
        Recipe.from_list(steps, STEPS)
    assert str(caught.value) == f"recipe: is ruled out: {told}"


@pytest.mark.parametrize(
    "steps",
    [
        [{"distil": {"depth": 2, "init": "teacher"}}, PRUNED],
        [{"distil": {"depth": 2, "alpha": 0, "width": 0.5}}, PRUNED],
        [PRUNED, {"distil": {"depth": 2, "alpha": 0, "feature": "hint"}}, {"quantize": {"scheme": "static-int8"}}],
        [PRUNED, {"distil": {"depth": 2, "width": 0.5}}],
    ],
    ids=["inherited, then pruned", "alone, then pruned", "pruned for its features", "pruned and narrow"],
)
def test_what_makes_sense_is_not(steps: list) -> None:
    assert Recipe.from_list(steps, STEPS).to_list()[0].keys() == steps[0].keys()


def test_old_recipes_are_read_as_they_were_meant() -> None:
    old = Recipe.from_list([{"distil": {"alpha": 0.5, "depth": 2, "temperature": 4}}], STEPS)
    assert old.steps[0].params == {**PLAIN, "depth": 2}
    assert old.label(STEPS) == "d2(α0.5,T4)"


def test_a_whole_space_of_students_is_counted_without_what_is_ruled_out() -> None:
    section = {
        "student": {"depth": ["none", 1, 2], "width": [0.5, 1.0], "init": ["random", "teacher"]},
        "distillation": {
            "alpha": [0, 0.5, 0.9],
            "temperature": [2, 4],
            "feature": ["none", *FEATURES],
            "beta": [1, 10],
        },
        "pruning": {"method": ["none", "channel"], "ratio": [0.25, 0.5]},
        "quantization": {"scheme": ["none", "static-int8"]},
        "order": ["distil-prune-quantize", "prune-distil-quantize"],
    }
    space = SearchSpace.parse(section, STEPS)
    teachings = (1 + 2 * 2) * (1 + 3 * 2)
    first = 2 * 3 * teachings  # depths × (wide at random, narrow at random, wide and inherited) × teachings
    # After pruning nobody inherits, and one of the teachings is not listening: 2 depths × 2 widths × teachings.
    after = 2 * 2 * (teachings - 1)
    assert space.size() == 2 * (1 + 2 + first + 2 * first + 2 * after)
    assert sum(1 for _ in space.points()) == space.size()


SECTION = {
    "student": {"depth": ["none", 1], "block": ["plain", "gated"]},
    "distillation": {"alpha": [0, 0.5], "temperature": 4, "teacher": ["teacher", "large"]},
}


def test_what_only_a_task_knows_of_is_read_from_the_space() -> None:
    space = SearchSpace.parse(SECTION, steps_of(SECTION))
    assert space.used("student.block") == ("plain", "gated")
    assert [choice.call for choice in students_in(space)] == ["student(1, block='plain')", "student(1, block='gated')"]
    assert teachers_in(space) == ["large"]
    labels = {space.recipe(point).label(space.steps) for point in space.points()}
    assert labels == {
        "teacher",
        *(f"d1{taught}·block={block}{by}" for block in ("plain", "gated") for taught, by in LISTENERS),
    }
    (rule, _) = (rule for rule in space.rules if "distillation.teacher" in rule.combination)
    assert rule.sequence == ("prune", "distil")
    point = next(point for point in space.points() if point.get("distillation.teacher") == "large")
    recipe = space.recipe(point)
    assert Recipe.from_list(recipe.to_list(), steps_with(point)) == recipe  # as it is read back from a record


LISTENERS = [("", ""), ("(α0.5,T4)", ""), ("(α0.5,T4)", "·teacher=large")]
"""From labels alone nothing is learned of another teacher, so that this is ruled out."""


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("dept", "'dept' is not known (did you mean 'depth'?); legal: depth, width, init"),
        ("alpha", "'alpha' is not known; legal: depth, width, init"),
        ("a b", "'a b' is not known; legal: depth, width, init"),
    ],
)
def test_a_slip_is_no_parameter_of_a_task(key: str, told: str) -> None:
    section = {"student": {"depth": 1, key: 2}, "distillation": {"alpha": 0.5}}
    with pytest.raises(InputError, match=re.escape(told)):
        SearchSpace.parse(section, steps_of(section))


def test_a_student_is_told_its_own_parameters_and_learns_from_the_chosen_teacher(
    context: Context, tmp_path: Path
) -> None:
    told = list[object]()

    plain = type(context.task)

    class Pairs(plain):
        def student(self, depth: int, channels: int = 16) -> torch.nn.Module:
            told.append(channels)
            return plain(channels).student(depth)

        def teachers(self) -> dict:
            return {"large": plain(32).teacher}

    own = replace(context, task=Pairs())
    recipe = Recipe.from_list(
        [{"distil": {**PLAIN, "channels": 24, "teacher": "large"}}],
        steps_with(["student.channels", "distillation.teacher"]),
    )
    store = Store(tmp_path / "store")
    work = network_stages(recipe)
    assert [(stage.name, params.get("name")) for stage, params in work] == [("teacher", "large"), ("distil", None)]
    folder, _ = run_stages(work, own, store)
    student = Checkpoint.load(folder, own.task)
    assert student.structure == [{"network": "student", "depth": 1, "width": 1.0, "own": {"channels": 24}}]
    assert student.model[0].out_channels == 24
    assert set(told) == {24}
    teacher = Checkpoint.load(store.get(run_stages(work[:1], own, store)[1][0].key), own.task)
    assert teacher.structure == [{"network": "teacher", "name": "large"}]
    assert teacher.model[0].out_channels == 32
