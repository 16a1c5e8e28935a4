"""The contract of every stage, over the whole graph of work."""

from pathlib import Path

import pytest

from pipelines.stages import STAGES, STEPS, Distil, Export, Prune, Quantize, Stage, TrainTeacher
from pipelines.training.context import Context
from spaces import digest

ALL: list[Stage] = [TrainTeacher(), Distil(), Prune(), Export(), Quantize()]


PRUNING = {"method": "channel", "ratio": 0.5, "importance": "l2"}


def test_every_step_has_its_stages() -> None:
    assert [step.name for step in STEPS] == list(STAGES)


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
