"""The task timm over a stand-in that has timm's names: timm itself brings torchvision, which has to match torch."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pipelines.preflight import preflight
from pipelines.stages import STEPS
from pipelines.tasks import timm_images
from pipelines.tasks.task import deployed, load_task, make_student, make_teacher
from spaces import InputError, SearchSpace


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.merged = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.a(x) if self.merged else self.a(x) + self.b(x))


class Net(nn.Module):
    """Four blocks of two parallel convolutions."""

    def __init__(self, num_classes: int = 1000, channels: tuple[int, ...] = (8, 8, 8, 8)) -> None:
        super().__init__()
        width = channels[0]
        self.stem, self.layer1 = nn.Conv2d(3, width, 3), nn.Sequential(*(Block(width) for _ in range(4)))
        self.fc = nn.Linear(width, num_classes)
        self.feature_info = [{"num_chs": each} for each in channels]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.layer1(self.stem(x)).mean((2, 3)))


def merged(network: nn.Module) -> nn.Module:
    for block in (module for module in network.modules() if isinstance(module, Block)):
        with torch.no_grad():
            block.a.weight += block.b.weight
            block.a.bias += block.b.bias
        block.merged = True
        del block.b
    return network


def create_model(name: str, pretrained: bool = False, checkpoint_path: str = "", **options) -> nn.Module:
    if name != "net":
        raise RuntimeError(f"Unknown model ({name})")
    if pretrained:
        raise OSError("no network")
    model = Net(**options)
    if checkpoint_path:
        model.load_state_dict(torch.load(checkpoint_path))
    return model


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {name: ModuleType(name) for name in ("timm", "timm.data", "timm.utils", "timm.utils.model")}
    modules["timm"].create_model = create_model
    config = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "crop_pct": 0.875}
    modules["timm.data"].resolve_data_config = lambda args, model: {
        **config, "input_size": (3, *[args.get("img_size", 32)] * 2)
    }  # fmt: skip
    modules["timm.utils.model"].reparameterize_model = merged
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(timm_images, "needed", lambda packages: None)
    monkeypatch.setattr(timm_images, "versions", lambda packages: {"timm": "1"})


@pytest.fixture
def images(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    for index, name in enumerate(("dark", "light")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(10):
            pixels = chance.integers(100 * index, 100 * index + 100, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def test_any_network_of_timm_s_is_a_task_with_students_and_everything(timm, images: Path) -> None:
    task = load_task("timm", {"model": "net", "data": str(images), "size": 16, "scores": ["f1"]})
    space = SearchSpace.parse({"student": {"depth": ["none", 1, 2], "init": ["random", "teacher"]}}, STEPS)
    found = preflight(task, space)
    assert found.problems == []
    assert found.warnings[0].startswith("task.args.data: the data names no part for this, so that of 20 rows are drawn")
    assert len(make_student(task, 2).layer1) == 2
    assert set(task.files()) == {"preprocessing.json", "reader.py", "answer.py"}


def test_narrower_students_have_fewer_channels(timm, images: Path) -> None:
    task = load_task("timm", {"model": "net", "data": str(images), "options": {"channels": [32, 32, 32, 32]}})
    assert make_student(task, 1, 0.5).stem.out_channels == 16


def test_what_ships_has_its_branches_merged_and_computes_the_same(timm, images: Path) -> None:
    task = load_task("timm", {"model": "net", "data": str(images)})
    network = make_teacher(task).eval()
    with torch.no_grad():
        before, weights = network(task.example_input()), sum(each.numel() for each in network.parameters())
        shipped = deployed(network, task)
        assert torch.allclose(shipped(task.example_input()), before, atol=1e-5)
    assert sum(each.numel() for each in shipped.parameters()) < 0.6 * weights


def test_a_checkpoint_s_weights_are_the_teacher_s_and_in_its_fingerprint(timm, images: Path, tmp_path: Path) -> None:
    network = Net(num_classes=2)
    prints = []
    for _ in range(2):
        nn.init.normal_(network.fc.weight)
        torch.save(network.state_dict(), tmp_path / "net.pt")
        task = load_task("timm", {"model": "net", "data": str(images), "pretrained": str(tmp_path / "net.pt")})
        assert make_teacher(task).fc.weight.equal(network.fc.weight)
        prints.append(task.fingerprint())
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "nett"}, "timm cannot make 'nett' .*Unknown model"),
        ({"pretrained": "no.pt"}, "pretrained: there is no file no.pt"),
        ({"data": "nowhere"}, "'nowhere' is no file or folder here"),
    ],
    ids=["model", "checkpoint", "data"],
)
def test_what_is_not_there_is_told(timm, images: Path, changes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_task("timm", {"model": "net", "data": str(images), **changes})


def test_without_the_package_it_is_told_what_to_install(monkeypatch, images: Path) -> None:
    monkeypatch.setattr("pipelines.tasks.hub.missing", lambda packages: f"needs the package {packages[0]}, which …")
    with pytest.raises(InputError, match="this task needs the package timm"):
        load_task("timm", {"model": "net", "data": str(images)})
