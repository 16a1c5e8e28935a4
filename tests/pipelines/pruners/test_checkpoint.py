import json
from pathlib import Path

import torch
from torch import nn

from pipelines.importances import L2
from pipelines.pruners import PRUNERS, PruningRequest
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.tasks.digits import Digits

IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_network_comes_back_bit_by_bit(tmp_path: Path, tiny) -> None:
    model = tiny.student(1).eval()
    Checkpoint(model, [{"network": "student", "depth": 1}]).save(tmp_path)
    loaded = Checkpoint.load(tmp_path, tiny)
    assert torch.equal(loaded.model(IMAGES), model(IMAGES))
    assert loaded.structure == [{"network": "student", "depth": 1}]
    assert not loaded.model.training


def test_a_students_width_is_part_of_its_structure(tmp_path: Path) -> None:
    digits = Digits()
    structure = [{"network": "student", "depth": 2, "width": 0.5}]
    Checkpoint(digits.student(2, width=0.5), structure).save(tmp_path)
    loaded = Checkpoint.load(tmp_path, digits)
    assert loaded.structure == structure
    assert loaded.model[0].weight.shape[0] == 16


def test_cuts_are_repeated_one_after_another(tmp_path: Path, tiny) -> None:
    class Wide(type(tiny)):
        def __init__(self) -> None:
            super().__init__(width=64)

    task, structure = Wide(), [{"network": "teacher"}]
    model: nn.Module = task.teacher().eval()
    for ratio, width in ((0.5, 32), (0.5, 16)):
        pruner, example = PRUNERS["channel"], task.example_input()
        history = pruner.prune(model, PruningRequest(example, ratio, pruner.sizes(model, example), L2()))
        structure.append({"pruner": "channel", "history": history})
        assert model[0].weight.shape[0] == width
    Checkpoint(model, structure).save(tmp_path)
    assert torch.equal(Checkpoint.load(tmp_path, task).model(IMAGES), model(IMAGES))


def test_weights_that_are_shared_stay_shared(tmp_path: Path, tiny) -> None:
    class Tied(type(tiny)):
        def teacher(self) -> nn.Module:
            layer = nn.Linear(8, 8)
            return nn.Sequential(layer, nn.ReLU(), layer)

    model = Tied().teacher().eval()
    Checkpoint(model, [{"network": "teacher"}]).save(tmp_path)
    loaded = Checkpoint.load(tmp_path, Tied()).model
    assert loaded[0].weight is loaded[2].weight
    assert torch.equal(loaded(IMAGES), model(IMAGES))


def test_the_files_are_what_other_tools_read(tmp_path: Path, tiny) -> None:
    Checkpoint(tiny.teacher(), [{"network": "teacher"}]).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["structure.json", "weights.safetensors"]
    assert json.loads((tmp_path / "structure.json").read_text()) == [{"network": "teacher"}]
