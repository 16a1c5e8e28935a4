"""CIFAR-10 with a ResNet-18 as the teacher, as `configs/cifar10-resnet.yaml` compresses it.

Data: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Nothing is downloaded. The argument
`data` is an .npz file with x_train, y_train, x_test and y_test (uint8, N×32×32×3), or a folder with ``train*.parquet``
and ``test*.parquet``, such as Hugging Face's data set ``uoft-cs/cifar10`` in ``plain_text/``.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (64, 128, 256, 512)
PAD = 4


class Block(nn.Module):
    """Two 3×3 convolutions beside an identity, or beside a 1×1 convolution where shapes change."""

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
        short = (nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.short = nn.Identity() if same else nn.Sequential(*short)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to maps (N, outputs, H / stride, W / stride)."""
        return functional.relu(self.body(x) + self.short(x))


def resnet(blocks: int, widths: tuple[int, ...] = WIDTHS) -> nn.Sequential:
    """A ResNet for 32×32 images with `blocks` blocks for each of `widths`; with 2 it is a ResNet-18.

    Source: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; the first convolution is 3×3 and
    nothing is pooled before the blocks, as for such images.
    """
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    before = widths[0]
    for stage, width in enumerate(widths):
        for index in range(blocks):
            layers.append(Block(before, width, 2 if stage and not index else 1))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


class Cifar10:
    """45,000 training images, of which 1,000 calibrate; 5,000 others validate, and the 10,000 test images test.

    Args:
        data: The file or folder.
        batch_size: Images per batch.
    """

    def __init__(self, data: str, batch_size: int = 256) -> None:
        (x, y), test = (read(Path(data), split) for split in ("train", "test"))
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(y)))  # files may be sorted by class
        x, y = x[order], y[order]
        cut = len(y) - len(y) // 10
        self.data = {
            "train": (x[:cut], y[:cut]),
            "calibration": (x[:cut][:1000], y[:cut][:1000]),
            "validation": (x[cut:], y[cut:]),
            "test": test,
        }
        self.batch_size = batch_size

    def teacher(self) -> nn.Module:
        return resnet(2)

    def student(self, depth: int, width: float = 1.0) -> nn.Module:
        """`depth` blocks in each of the four stages, and that share of the channels."""
        return resnet(depth, tuple(max(8, 8 * round(channels * width / 8)) for channels in WIDTHS))

    def batches(self, split: str):
        x, y = self.data[split]
        order = torch.randperm(len(y)) if split == "train" else torch.arange(len(y))
        change = crop_and_flip if split == "train" else scaled
        return ((change(x[rows]), y[rows]) for rows in order.split(self.batch_size))

    def tensors(self, split: str) -> tuple[Tensor, Tensor]:
        """All training images, which stay on the GPU."""
        return self.data[split]

    def augment(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return crop_and_flip(images), labels

    def example_input(self) -> Tensor:
        return torch.zeros(1, 3, 32, 32)

    def fingerprint(self) -> str:
        """Changes with the data, and with the "1", to be raised when this file changes a result."""
        hashes = (hashlib.sha256(x.numpy()).hexdigest() for x, _ in self.data.values())
        return f"1 {self.batch_size} {' '.join(hashes)}"


def read(data: Path, split: str) -> tuple[Tensor, Tensor]:
    """Images (N, 3, 32, 32) of uint8, and their classes, (N,)."""
    if data.is_file():
        with np.load(data) as arrays:
            images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    else:
        files = sorted(data.rglob(f"{split}*.parquet"))
        if not files:
            raise ValueError(f"data: there is neither a file {data} nor {split}*.parquet in such a folder")
        table = pd.concat([pd.read_parquet(file) for file in files])
        column = next(name for name in ("img", "image", "jpeg") if name in table)
        images, labels = np.stack([decoded(value) for value in table[column]]), table["label"].to_numpy()
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return x, torch.from_numpy(labels.astype(np.int64).reshape(-1))


def decoded(image: bytes | dict) -> np.ndarray:
    """An encoded image as numbers, 32×32×3."""
    encoded = image["bytes"] if isinstance(image, dict) else image
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def scaled(images: Tensor) -> Tensor:
    """Numbers 0…255 as ±1."""
    return images.float() / 127.5 - 1


def crop_and_flip(images: Tensor) -> Tensor:
    """Images (N, 3, 32, 32), each moved by up to 4 pixels and half of them mirrored, scaled to ±1."""
    count, device = len(images), images.device
    padded = functional.pad(images, (PAD, PAD, PAD, PAD))
    line = torch.arange(32, device=device)
    down, right = (torch.randint(0, 2 * PAD + 1, (count, 1), device=device) for _ in range(2))
    flipped = torch.rand(count, 1, device=device) < 0.5
    rows, columns = down + line, right + torch.where(flipped, 31 - line, line)
    which = torch.arange(count, device=device)[:, None, None]
    return scaled(padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2))
