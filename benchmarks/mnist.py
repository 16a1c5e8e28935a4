"""The task of `benchmarks/techniques.py`: 28×28 grey images in ten classes, with LeNet-5 as the teacher.

The data file has the arrays x_train, y_train, x_test and y_test (uint8), as the usual ``mnist.npz`` and files of
Fashion-MNIST in that form do.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.tasks.task import Batch, Split

VALIDATION, CALIBRATION = 5_000, 500
STUDENT_WIDTHS = (16, 32, 32, 32)


class Mnist:
    """55,000 images train (500 of them also calibrate), the last 5,000 of the training set validate, 10,000 test.

    Args:
        path: The data file.
        batch_size: Examples per batch.
        shift: Training images are moved by up to this many pixels along each side; 0 for pictures that fill the frame.
    """

    def __init__(self, path: str, batch_size: int = 256, shift: int = 2) -> None:
        with np.load(path) as data:
            images = {name: torch.from_numpy(data[f"x_{name}"]).unsqueeze(1) for name in ("train", "test")}
            labels = {name: torch.from_numpy(data[f"y_{name}"].astype(np.int64)) for name in ("train", "test")}
        cut = len(labels["train"]) - VALIDATION
        self._data = {
            "train": (images["train"][:cut], labels["train"][:cut]),
            "calibration": (images["train"][:CALIBRATION], labels["train"][:CALIBRATION]),
            "validation": (images["train"][cut:], labels["train"][cut:]),
            "test": (images["test"], labels["test"]),
        }
        self._batch_size, self._shift = batch_size, shift

    def teacher(self) -> nn.Module:
        """LeNet-5 as it is compressed in the literature: 431,080 parameters."""
        return nn.Sequential(
            nn.Conv2d(1, 20, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(800, 500),
            nn.ReLU(),
            nn.Linear(500, 10),
        )

    def student(self, depth: int, width: float = 1.0) -> nn.Module:
        """2 to 4 convolutions of 3×3 with batch normalisation, then a mean over the image: no wide linear layer."""
        if depth not in (2, 3, 4):
            raise ValueError(f"a student has 2 to 4 convolutions, not {depth}")
        layers: list[nn.Module] = []
        before = 1
        for index, channels in enumerate(STUDENT_WIDTHS[:depth]):
            after = max(4, round(channels * width / 4) * 4)
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if index < 2 else []
            before = after
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))

    def batches(self, split: Split) -> Iterable[Batch]:
        """Images (N, 1, 28, 28) in 0…1 and labels (N,); ``train`` is shuffled and shifted."""
        x, y = self._data[split]
        training = split == "train"
        order = torch.randperm(len(y)) if training else torch.arange(len(y))
        for chosen in order.split(self._batch_size):
            images = x[chosen].float() / 255
            yield self._moved(images) if training and self._shift else images, y[chosen]

    def example_input(self) -> Tensor:
        """One image, (1, 1, 28, 28)."""
        return self._data["train"][0][:1].float() / 255

    def fingerprint(self) -> str:
        """The data and this version of the networks."""
        x, _ = self._data["train"]
        return f"3 {x.shape} {int(x.sum())} {self._batch_size} {self._shift}"

    def _moved(self, images: Tensor) -> Tensor:
        """`images` moved together by up to `shift` pixels along each side."""
        reach = self._shift
        down, right = (int(step) for step in torch.randint(0, 2 * reach + 1, (2,)))
        padded = nn.functional.pad(images, (reach,) * 4)
        return padded[:, :, down : down + images.shape[2], right : right + images.shape[3]]
