"""The task of benchmarks on small colour images: ResNets on CIFAR-10, or whatever a folder holds in its form.

The data are what `docs.examples.cifar10` reads. Without any, images are noise around a pattern for each class, for
trying a benchmark out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from docs.examples.cifar10 import crop_and_flip, read, scaled
from pipelines.tasks.task import Batch, Split

CLASSES = 10


class Block(nn.Module):
    """Two 3×3 convolutions beside an identity, or a 1×1 convolution where shapes change."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (N, outputs, H / stride, W / stride)."""
        return functional.relu(self.body(x) + self.short(x))


def resnet(blocks: int, widths: tuple[int, ...]) -> nn.Sequential:
    """A ResNet for 32×32 images with `blocks` blocks for each of `widths`, every stage half as high as the last.

    Source: K. He et al., "Deep Residual Learning for Image Recognition", 2016: ResNet-20 is `resnet(3, (16, 32, 64))`,
    ResNet-18 for such images `resnet(2, (64, 128, 256, 512))`.
    """
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    before = widths[0]
    for stage, width in enumerate(widths):
        for index in range(blocks):
            layers.append(Block(before, width, 2 if stage and not index else 1))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, CLASSES))


NETWORKS = {"resnet20": (3, (16, 32, 64)), "resnet18": (2, (64, 128, 256, 512)), "tiny": (1, (8, 16))}


def load(data: str, examples: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Images (N, 3, 32, 32) and labels, uint8 and int64, in an order without meaning; `examples` at most of each."""
    shuffled = {}
    for split in ("train", "test"):
        x, y = read(Path(data), split) if data else _noise(split, min(examples, 4_096))
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(y))[:examples])
        shuffled[split] = (x[order], y[order])
    return shuffled


def _noise(split: str, count: int) -> tuple[Tensor, Tensor]:
    random, patterns = np.random.default_rng(len(split)), np.random.default_rng(9).random((CLASSES, 4, 4, 3))
    labels = np.arange(count) % CLASSES
    images = np.kron(patterns[labels], np.ones((1, 8, 8, 1))) + random.normal(0, 0.3, (count, 32, 32, 3))
    return torch.from_numpy((255 * images.clip(0, 1)).astype(np.uint8)).permute(0, 3, 1, 2), torch.from_numpy(labels)


class Images:
    """Training data as tensors, cropped and mirrored where networks are trained; a tenth of them validates.

    Args:
        data: A folder or an .npz file; noise, when empty.
        network: One of `NETWORKS`: the teacher. Students are the same with other widths.
        batch_size: Examples per batch.
        examples: At most so many of each split are used.
    """

    def __init__(
        self, data: str = "", network: str = "resnet20", batch_size: int = 256, examples: int = 50_000
    ) -> None:
        found = load(data, examples)
        x, y = found["train"]
        cut = len(y) - len(y) // 10
        self.data = {
            "train": (x[:cut], y[:cut]),
            "calibration": (x[:512], y[:512]),
            "validation": (x[cut:], y[cut:]),
            "test": found["test"],
        }
        self.network, self.batch_size = network, batch_size

    def teacher(self) -> nn.Module:
        """The network that was named."""
        return resnet(*NETWORKS[self.network])

    def student(self, depth: int, width: float = 1.0) -> nn.Module:
        """The same with `depth` blocks in each stage and that share of the channels."""
        _, widths = NETWORKS[self.network]
        return resnet(depth, tuple(max(8, 8 * round(channels * width / 8)) for channels in widths))

    def batches(self, split: Split) -> Iterable[Batch]:
        """Batches of images (N, 3, 32, 32) and labels."""
        x, y = self.data[split]
        order = torch.randperm(len(y)) if split == "train" else torch.arange(len(y))
        change = crop_and_flip if split == "train" else scaled
        return ((change(x[rows]), y[rows]) for rows in order.split(self.batch_size))

    def tensors(self, split: Split) -> tuple[Tensor, Tensor]:
        """All training data."""
        return self.data[split]

    def augment(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Crop and mirror."""
        return crop_and_flip(images), labels

    def example_input(self) -> Tensor:
        """One image."""
        return torch.zeros(1, 3, 32, 32)


class HostImages(Images):
    """The same, whose batches are made on the host."""

    tensors = augment = None  # type: ignore[assignment]
