"""The task of `benchmarks/utilization.py`: 32×32 colour images in ten classes, with residual networks.

The folder has ``train.parquet`` and ``test.parquet``, with the columns ``jpeg`` (an encoded image) and ``label``. They
are decoded once, into a file beside which later processes find them. Without a folder, images are noise.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.tasks.task import Batch, Split

VALIDATION, CALIBRATION = 2_000, 256
NOISE = 512


class Residual(nn.Module):
    """Two convolutions beside a shortcut; (N, before, H, W) to (N, after, H / stride, W / stride)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for _ in range(2))
        self.shortcut = (
            nn.Identity()
            if (before, stride) == (after, 1)
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        )

    def forward(self, x: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        inner = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.shortcut(x) + self.norms[1](self.second(inner)))


def resnet(blocks: int, width: int) -> nn.Module:
    """Three stages of `blocks` residual blocks, of `width`, twice and four times as many channels; logits (N, 10)."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    before = width
    for stage, channels in enumerate((width, 2 * width, 4 * width)):
        for index in range(blocks):
            layers.append(Residual(before, channels, 2 if stage and not index else 1))
            before = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


class Cifar:
    """The last 2,000 training images validate, 256 calibrate.

    Args:
        path: The folder; empty for noise.
        batch_size: Examples per batch.
        images: At most so many training images.
        width: Channels of the teacher's first stage.
    """

    def __init__(self, path: str = "", batch_size: int = 256, images: int = 50_000, width: int = 32) -> None:
        x, y = _decoded(Path(path)) if path else _noise()
        cut = len(y) - min(VALIDATION, len(y) // 4)
        kept = slice(0, min(images, cut))
        self._data = {
            "train": (x[kept], y[kept]),
            "calibration": (x[:CALIBRATION], y[:CALIBRATION]),
            "validation": (x[cut:], y[cut:]),
        }
        self._batch_size, self._width = batch_size, width

    def teacher(self) -> nn.Module:
        """A residual network with three blocks in each stage."""
        return resnet(3, self._width)

    def student(self, depth: int, width: float = 1.0) -> nn.Module:
        """The same with 1 or 2 blocks in each stage, and fewer channels."""
        if depth not in (1, 2):
            raise ValueError(f"a student has 1 or 2 blocks in each stage, not {depth}")
        return resnet(depth, max(8, round(self._width * width / 8) * 8))

    def batches(self, split: Split) -> Iterable[Batch]:
        """Images (N, 3, 32, 32) in 0…1 and labels (N,); ``train`` is shuffled."""
        x, y = self._data[split]
        order = torch.randperm(len(y)) if split == "train" else torch.arange(len(y))
        for chosen in order.split(self._batch_size):
            yield x[chosen].float() / 255, y[chosen]

    def example_input(self) -> Tensor:
        """One image, (1, 3, 32, 32)."""
        return self._data["train"][0][:1].float() / 255

    def fingerprint(self) -> str:
        """The data and this version of the networks."""
        x, _ = self._data["train"]
        return f"1 {tuple(x.shape)} {int(x.sum())} {self._batch_size} {self._width}"


def _noise() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (NOISE, 3, 32, 32), generator=random, dtype=torch.uint8)
    return x, torch.arange(NOISE) % 10


def _decoded(folder: Path) -> tuple[Tensor, Tensor]:
    """All training images, (N, 3, 32, 32), and their labels, (N,)."""
    import tempfile

    file = Path(tempfile.gettempdir()) / f"cifar-{os.getuid()}.npz"
    if not file.exists():
        import pandas as pd
        from PIL import Image

        frame = pd.read_parquet(folder / "train.parquet")
        images = np.stack([np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in frame["jpeg"]])
        part = file.with_suffix(f".{os.getpid()}.npz")
        np.savez(part, x=images.transpose(0, 3, 1, 2), y=frame["label"].to_numpy(np.int64))
        part.replace(file)
    with np.load(file) as data:
        return torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
