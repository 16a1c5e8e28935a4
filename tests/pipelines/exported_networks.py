from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from pipelines.formats.onnx_format import MODEL
from pipelines.onnxfile.preparation import prepare
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.quantizers import Calibration
from pipelines.stages import Export
from pipelines.tasks.task import Batch, Inputs, as_tuple
from pipelines.training.context import Context
from pipelines.training.settings import Training


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32))
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(torch.relu(x + self.body(x)).mean((2, 3)))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(32, 64), nn.Conv1d(4, 64, 3), nn.Linear(128, 4)

    def forward(self, vector: Tensor, sequence: Tensor) -> Tensor:
        return self.head(torch.relu(torch.cat([self.left(vector), self.right(sequence).mean(2)], 1)))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 32)
        self.encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0)
        self.head = nn.Linear(32, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(tokens)).mean(1))


class Masked(nn.Module):
    """Attention that does not look at padding: its mask is −∞ there, as in the classifiers of Hugging Face."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm, self.head = nn.Embedding(50, 32), nn.LayerNorm(32), nn.Linear(32, 4)
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(tokens)
        query, key, value = (layer(x)[:, None] for layer in (self.query, self.key, self.value))
        looked_at = mask[:, None, None, :].bool()
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=looked_at)
        return self.head(self.norm(x + seen[:, 0]).mean(1))


def padded(count: int) -> tuple[Tensor, Tensor]:
    """Sentences of 6 tokens at most, and which of them are there."""
    mask = torch.arange(6) < torch.randint(3, 7, (count, 1))
    return torch.randint(1, 50, (count, 6)) * mask, mask.long()


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Inputs]]] = {
    "linear": (
        lambda: nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 4)),
        lambda n: torch.randn(n, 64),
    ),
    "conv": (
        lambda: nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 6), nn.Flatten()),
        lambda n: torch.rand(n, 3, 8, 8),
    ),
    "residual": (Residual, lambda n: torch.rand(n, 3, 8, 8)),
    "two inputs": (TwoInputs, lambda n: (torch.randn(n, 32), torch.randn(n, 4, 9))),
    "transformer": (Transformer, lambda n: torch.randint(0, 50, (n, 6))),
    "masked": (Masked, padded),
}


class OneNetwork:
    """A task around one of the networks above."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        make, self._draw = NETWORKS[name]
        self.model = make().eval()
        self._batches = [(self._draw(8), torch.arange(8) % 4) for _ in range(2)]

    def teacher(self) -> nn.Module:
        return self.model

    def student(self, depth: int) -> nn.Module:
        raise ValueError(depth)

    def batches(self, split: str) -> Iterator[Batch]:
        yield from self._batches

    def example_input(self) -> Inputs:
        return tuple(x[:1] for x in as_tuple(self._batches[0][0]))


@dataclass(frozen=True)
class Prepared:
    """A network, its file made ready for quantizers, and its data."""

    file: Path
    model: nn.Module
    task: OneNetwork

    @property
    def calibration(self) -> Calibration:
        return Calibration.of(self.task, {})


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Prepared]:
    """Gives the networks of `NETWORKS` by name, each exported and prepared once."""
    made: dict[str, Prepared] = {}

    def get(name: str) -> Prepared:
        if name not in made:
            folder, task = tmp_path_factory.mktemp("prepared"), OneNetwork(name)
            Checkpoint(task.model, [{"network": "teacher"}]).save(folder)
            Export().run(folder, folder, {}, Context(task, name, Training(), 0, torch.device("cpu")))
            prepare(folder / MODEL, folder / "prepared.onnx")
            made[name] = Prepared(folder / "prepared.onnx", task.model, task)
        return made[name]

    return get


@pytest.fixture
def weights_in_use(tmp_path: Path) -> Callable[[Path], dict[str, np.ndarray]]:
    """Gives the constants with two axes or more that ONNX Runtime computes with, by name, as it loads a file."""

    def read(file: Path) -> dict[str, np.ndarray]:
        loaded = tmp_path / "loaded.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(loaded)
        ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(loaded).graph
        loaded.unlink()
        return {i.name: numpy_helper.to_array(i) for i in graph.initializer if len(i.dims) >= 2}

    return read
