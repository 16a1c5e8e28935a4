"""The contract of every stage, over the whole graph of work."""

from pathlib import Path

import pytest

from pipelines.pipeline import FILE_STAGES, NETWORK_STAGES
from pipelines.stages import STEPS, Context, Export, Stage, TrainTeacher
from spaces import digest

STAGES: list[Stage] = [TrainTeacher(), Export(), *NETWORK_STAGES.values(), *FILE_STAGES.values()]


def test_every_step_has_one_stage() -> None:
    assert [step.name for step in STEPS] == [*NETWORK_STAGES, *FILE_STAGES]
    assert all(stage.name == name for name, stage in [*NETWORK_STAGES.items(), *FILE_STAGES.items()])


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_its_settings_can_be_part_of_a_key(stage: Stage, context: Context) -> None:
    assert digest(dict(stage.settings(context))) == digest(dict(stage.settings(context)))
    assert stage.version >= 1


def test_groups_belong_to_the_readme_keys() -> None:
    groups = {parameter.group for step in STEPS for parameter in step.parameters}
    assert groups == {"student", "distillation", "pruning", "quantization"}


def test_stages_write_into_their_own_folder_only(context: Context, tmp_path: Path) -> None:
    teacher, student, pruned, exported, quantized = folders = [tmp_path / name for name in "abcde"]
    for folder in folders:
        folder.mkdir()
    TrainTeacher().run((), teacher, {}, context)
    NETWORK_STAGES["distil"].run((teacher,), student, {"depth": 1, "alpha": 0.5, "temperature": 2}, context)
    NETWORK_STAGES["prune"].run((teacher, student), pruned, {"method": "channel", "ratio": 0.5}, context)
    Export().run((teacher, student, pruned), exported, {}, context)
    FILE_STAGES["quantize"].run((teacher, student, pruned, exported), quantized, {"scheme": "dynamic-int8"}, context)
    network = ["structure.json", "weights.safetensors"]
    files = [sorted(path.name for path in folder.iterdir()) for folder in folders]
    assert files == [network, network, network, ["model.onnx"], ["model.onnx"]]
