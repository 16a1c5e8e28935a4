from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from pipelines import Targets, Training
from pipelines.evaluator import Evaluator
from pipelines.formats.onnx_format import MODEL
from pipelines.onnxfile.preparation import prepare
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import Artifact
from pipelines.stages import Export, TrainTeacher
from pipelines.stages.technique import Technique
from pipelines.store import Store
from pipelines.tasks.task import Batch, Split
from pipelines.training.context import Context
from spaces import Options, Value


def cnn(depth: int, width: int) -> nn.Sequential:
    """`depth` convolutions of `width` channels over (N, 1, 8, 8); logits (N, 2)."""
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Conv2d(width if index else 1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 2))


class Tiny:
    """Two classes of 8×8 images: the left half is the brighter one, or the right half is."""

    def __init__(self, width: int = 16) -> None:
        self._width = width

    def teacher(self) -> nn.Module:
        return cnn(2, self._width)

    def student(self, depth: int) -> nn.Module:
        if depth != 1:
            raise ValueError(f"a tiny student has 1 convolution, not {depth}")
        return cnn(depth, self._width)

    def batches(self, split: Split) -> Iterable[Batch]:
        if split == "test":
            raise LookupError("a search never sees the test split")
        random = torch.Generator().manual_seed(["train", "calibration", "validation"].index(split))
        for _ in range(4):
            targets = torch.arange(16) % 2
            images = torch.rand(16, 1, 8, 8, generator=random) * 0.5
            images[targets == 0, :, :, :4] += 0.5
            images[targets == 1, :, :, 4:] += 0.5
            yield images, targets

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 1, 8, 8)


USE = f"{__name__}:Tiny"
TRAINING = Training(teacher_epochs=4, student_epochs=4, finetune_epochs=1, learning_rate=0.01)


@dataclass(frozen=True)
class Exported:
    """An exported file and the network that it was made from."""

    file: Path
    model: nn.Module

    @property
    def artifact(self) -> Artifact:
        return Artifact(self.file, "onnx")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Networks this small are slower with more threads, by far so beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Without it, what a test draws would depend on those before it, and so on how many processors share the tests."""
    torch.manual_seed(0)


@pytest.fixture
def tiny() -> Tiny:
    return Tiny()


@pytest.fixture
def training() -> Training:
    return TRAINING


@pytest.fixture
def context(tiny: Tiny, training: Training) -> Context:
    return Context(tiny, "tiny", training, seed=0, device=torch.device("cpu"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def evaluator(tmp_path: Path, training: Training) -> Evaluator:
    return Evaluator(USE, training, Targets(), seed=0, store=Store(tmp_path / "store"), device="cpu")


@pytest.fixture
def fresh_cnn() -> Callable[..., nn.Module]:
    """Makes networks of one structure and different random weights, in evaluation mode."""

    def make(depth: int = 2, width: int = 16) -> nn.Module:
        return cnn(depth, width).eval()

    return make


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A trained network wide enough that its weights make most of the file."""
    torch.manual_seed(0)
    task = Tiny(width=32)
    folder = tmp_path_factory.mktemp("exported")
    context = Context(task, "tiny", TRAINING, seed=0, device=torch.device("cpu"))
    TrainTeacher().run(Path(), folder, {}, context)
    Export().run(folder, folder, {}, context)
    return Exported(folder / MODEL, Checkpoint.load(folder, task).model)


@pytest.fixture
def some_params() -> Callable[[Technique], dict[str, Value]]:
    """Legal parameters of any registered technique: each the default, the first option, or 0.5."""

    def value(parameter) -> Value:
        if parameter.default is not None:
            return parameter.default
        return parameter.domain.values[0] if isinstance(parameter.domain, Options) else 0.5

    def make(technique: Technique) -> dict[str, Value]:
        params = {parameter.key: value(parameter) for parameter in technique.parameters}
        assert all(parameter.domain.problem(params[parameter.key]) is None for parameter in technique.parameters)
        return params

    return make


@pytest.fixture
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[[nn.Module, Tensor], Path]:
    """Exports and prepares any network that takes one tensor."""

    def make(model: nn.Module, example: Tensor) -> Path:
        folder = tmp_path_factory.mktemp("export")
        task = SimpleNamespace(teacher=lambda: model, example_input=lambda: example, batches=lambda split: [])
        Checkpoint(model, [{"network": "teacher"}]).save(folder)
        Export().run(folder, folder, {}, Context(task, "any", Training(), 0, torch.device("cpu")))
        prepare(folder / MODEL, folder / "prepared.onnx")
        return folder / "prepared.onnx"

    return make
