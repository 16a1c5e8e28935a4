"""The contract of every stage, over the whole graph of work."""

from pathlib import Path

import pytest

from pipelines.pipeline import FIRST_STAGE, nodes
from pipelines.stages import STAGE_TYPES, STAGES, STEPS, Distil, Export, Prune, Quantize, Stage, TrainTeacher
from pipelines.training.context import Context
from spaces import Recipe, digest

ALL: list[Stage] = [TrainTeacher(), Distil(), Prune(), Export(), Quantize()]


PRUNING = {"method": "channel", "ratio": 0.5, "importance": "l2"}


def test_every_step_has_its_stages() -> None:
    assert [step.name for step in STEPS] == list(STAGES)


def test_every_stage_of_a_recipe_is_a_known_kind(context: Context) -> None:
    pruning = {"method": "channel", "ratio": 0.5, "scope": "sensitivity"}
    schemes = ({"scheme": "qat-int8"}, {"scheme": "static-int8", "keep_float": 0.25})
    recipes = [
        Recipe.from_list([{"distil": {"depth": 1}}, {"prune": pruning}, {"quantize": scheme}], STEPS)
        for scheme in schemes
    ]
    work = [[type(stage) for stage, *_ in nodes(recipe, context)] for recipe in recipes]
    assert {kind for kinds in work for kind in kinds} == set(STAGE_TYPES)
    assert {kinds[0].name for kinds in work} == {FIRST_STAGE}


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_its_settings_can_be_part_of_a_key(stage: Stage, context: Context) -> None:
    assert digest(dict(stage.settings({}, context))) == digest(dict(stage.settings({}, context)))
    assert stage.version >= 1


def test_groups_belong_to_the_readme_keys() -> None:
    groups = {parameter.group for step in STEPS for parameter in step.parameters}
    assert groups == {"student", "distillation", "pruning", "quantization"}


def test_stages_write_into_their_own_folder_only(context: Context, tmp_path: Path) -> None:
    teacher, student, pruned, exported, quantized = folders = [tmp_path / name for name in "abcde"]
    for folder in folders:
        folder.mkdir()
    TrainTeacher().run(Path(), teacher, {}, context)
    Distil().run(teacher, student, {"depth": 1, "alpha": 0.5, "temperature": 2}, context)
    Prune().run(student, pruned, PRUNING, context)
    Export().run(pruned, exported, {}, context)
    Quantize().run(exported, quantized, {"scheme": "dynamic-int8"}, context)
    network = ["structure.json", "weights.safetensors"]
    files = [sorted(path.name for path in folder.iterdir()) for folder in folders]
    assert files == [network, network, ["pruning.json", *network], ["model.onnx"], ["model.onnx"]]
