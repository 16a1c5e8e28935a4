"""Handwritten digits: 1,797 real 8×8 images from scikit-learn, a task that runs anywhere in seconds.

Data: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from pipelines.tasks.task import Batch, Split

WIDTH = 32
DEPTHS = range(1, 4)
TEACHER_DEPTH = 4
FIRST_POOLED = 4
"""The index of the pooling layer, after the first block, in a network."""


class Residual(nn.Module):
    """Two 3×3 convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape in, shape out: (N, channels, H, W)."""
        return torch.relu(x + self.body(x))


def network(depth: int, width: int) -> nn.Sequential:
    """A residual CNN for (N, 1, 8, 8) images with `depth` blocks; returns logits (N, 10)."""
    blocks: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for index in range(depth):
        blocks.append(Residual(width))
        if index == 0:
            blocks.append(nn.MaxPool2d(2))
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class Digits:
    """The built-in task ``digits``.

    Split, fixed and stratified: 1,077 train (of which 200 also calibrate), 360 validation, 360 test.

    Args:
        batch_size: Examples per batch.
    """

    def __init__(self, batch_size: int = 64) -> None:
        images, labels = load_digits(return_X_y=True)
        x = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16
        y = torch.tensor(labels, dtype=torch.int64)
        rest, test = train_test_split(range(len(y)), test_size=360, random_state=0, stratify=y)
        train, validation = train_test_split(rest, test_size=360, random_state=0, stratify=y[rest])
        indices = {"train": train, "calibration": train[:200], "validation": validation, "test": test}
        self._data = {split: (x[chosen], y[chosen]) for split, chosen in indices.items()}
        self._batch_size = batch_size

    def teacher(self) -> nn.Module:
        """A residual CNN with four blocks."""
        return network(TEACHER_DEPTH, WIDTH)

    def student(self, depth: int, width: float = 1) -> nn.Module:
        """The same with 1 to 3 blocks, and that share of the teacher's 32 channels, rounded to a multiple of 8."""
        if depth not in DEPTHS:
            raise ValueError(f"a digits student has {DEPTHS[0]} to {DEPTHS[-1]} blocks, not {depth}")
        if not 0 < width <= 1:
            raise ValueError(f"a digits student is as wide as its teacher or less, not {width:g} times as wide")
        return network(depth, max(8, 8 * round(WIDTH * width / 8)))

    def feature_points(self, depth: int) -> list[tuple[str, str]]:
        """The 4×4 maps after pooling and after the last block; with one block they are the same."""
        first, last = (str(FIRST_POOLED), str(FIRST_POOLED - 1 + TEACHER_DEPTH))
        own = str(FIRST_POOLED - 1 + depth)
        return [(last, own)] if depth == 1 else [(first, first), (last, own)]

    def batches(self, split: Split) -> Iterable[Batch]:
        """Batches of images (N, 1, 8, 8) in 0…1 and labels (N,); ``train`` is shuffled and shifted by up to a pixel."""
        x, y = self._data[split]
        order = torch.randperm(len(y)) if split == "train" else torch.arange(len(y))
        for chosen in torch.split(order, self._batch_size):
            yield _shift(x[chosen]) if split == "train" else x[chosen], y[chosen]

    def example_input(self) -> Tensor:
        """One image, (1, 1, 8, 8)."""
        return self._data["train"][0][:1]


def _shift(images: Tensor) -> Tensor:
    """`images` moved together by a random -1, 0 or 1 pixel along each side."""
    down, right = (int(step) for step in torch.randint(-1, 2, (2,)))
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    return padded[:, :, 1 + down : 9 + down, 1 + right : 9 + right]
