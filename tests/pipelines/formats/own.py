"""A format and a runtime of one's own, registered, and a task whose networks they can do."""

from collections.abc import Iterable

import pytest
import torch
from torch import nn

from pipelines.formats import FORMATS
from pipelines.runtimes import RUNTIMES
from pipelines.tasks.task import Batch, Split
from tests.pipelines.formats.npz_format import NpzFormat
from tests.pipelines.formats.numpy_runtime import NumpyRuntime


@pytest.fixture
def own_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a person does to register them."""
    monkeypatch.setitem(FORMATS, "npz", NpzFormat())
    monkeypatch.setitem(RUNTIMES, "numpy", NumpyRuntime())


class Halves:
    """Two classes of 8×8 images, by the brighter half, for networks of linear layers."""

    def teacher(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))

    def student(self, depth: int) -> nn.Module:
        if depth != 1:
            raise ValueError(f"a student has 1 hidden layer, not {depth}")
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2))

    def batches(self, split: Split) -> Iterable[Batch]:
        random = torch.Generator().manual_seed(["train", "calibration", "validation", "test"].index(split))
        for _ in range(2):
            targets = torch.arange(32) % 2
            images = torch.rand(32, 1, 8, 8, generator=random) * 0.5
            images[targets == 0, :, :, :4] += 0.5
            images[targets == 1, :, :, 4:] += 0.5
            yield images, targets

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 1, 8, 8)


USE = f"{__name__}:Halves"
