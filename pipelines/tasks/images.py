"""Images with labels from a folder or a parquet file, in the size and the normalization that a network wants."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipelines.tasks.files import reader_files
from pipelines.tasks.labels import Labels, labels_of
from pipelines.tasks.parts import NAMES, divided
from pipelines.tasks.table import read_table
from pipelines.tasks.task import Batch, Split
from spaces import digest

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")

SHIFT = 8
"""A training image is shifted by up to this part of its size along each side."""


KEPT_BYTES = 2_000_000_000
"""So much of what was decoded is kept: decoding an image takes longer than training a small network on it."""


@dataclass(frozen=True)
class Preparation:
    """How an image becomes the input of a network.

    Attributes:
        size: Height and width of the input.
        resized: The shorter side before the middle is cut out.
        mean: Of each channel in 0…1; its number is that of the channels.
        std: Likewise.
        resampling: The name of a filter of Pillow's.
    """

    size: tuple[int, int]
    resized: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resampling: str = "BICUBIC"

    def pixels(self, source: Any) -> np.ndarray:
        """The image of a file or of its bytes as uint8 of shape (channels, height, width)."""
        opened = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
        image = opened.convert("L" if len(self.mean) == 1 else "RGB")
        scale, (height, width) = self.resized / min(image.size), self.size
        wide, high = (max(round(side * scale), low) for side, low in zip(image.size, (width, height), strict=True))
        image = image.resize((wide, high), Image.Resampling[self.resampling])
        left, top = (wide - width) // 2, (high - height) // 2
        array = np.array(image.crop((left, top, left + width, top + height)))
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)

    def normalized(self, pixels: Tensor) -> Tensor:
        """`pixels` (N, channels, H, W) of uint8 as the network takes them."""
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return (pixels.float() / 255 - mean) / std


class Images:
    """A data set of images.

    Args:
        source: A folder with one folder of images for each class, or such folders for each part of the data; or what
            `read_table` reads, with a column of encoded images.
        preparation: How they are prepared.
        batch_size: Examples per batch.
        image: The column of images in a table.
        label: The column of labels.
        augment: Whether training images are shifted and mirrored at random.

    Raises:
        ValueError: there are no such images.
    """

    def __init__(
        self, source: str, preparation: Preparation, batch_size: int, image: str, label: str, augment: bool
    ) -> None:
        self.preparation, self._batch_size, self._augment = preparation, batch_size, augment
        folder = Path(source).expanduser()
        files = _files(folder) if folder.is_dir() else {}
        if files:
            self._sources: list[Any] = list(files)
            names: list[Any] = [file.parent.name for file in files]
            given = _parts(files)
            self.fingerprint = digest({str(file.relative_to(folder)): file.stat().st_size for file in files})
        else:
            table = read_table(source)
            self._sources = [_encoded(value) for value in table.column(image)]
            names, given, self.fingerprint = table.column(label), dict(table.parts), table.fingerprint
        self.labels: Labels = labels_of(names)
        self.rows, self.drawn = divided(given, names)
        self._kept: dict[int, np.ndarray] = {}

    def batches(self, split: Split) -> Iterator[Batch]:
        """Batches of a split: images (N, channels, H, W) and targets; ``train`` in another order each time."""
        rows = torch.from_numpy(self.rows[split])
        trained = split == "train"
        for chosen in torch.split(rows[torch.randperm(len(rows))] if trained else rows, self._batch_size):
            pixels = torch.from_numpy(np.stack([self._pixels(int(row)) for row in chosen]))
            moved = _moved(pixels) if trained and self._augment else pixels
            yield self.preparation.normalized(moved), self.labels.targets[chosen]

    def example(self) -> Tensor:
        """One image, (1, channels, H, W)."""
        pixels = self._pixels(int(self.rows["train"][0]))
        return self.preparation.normalized(torch.from_numpy(pixels[None]))

    def files(self, input: str) -> Mapping[str, str | bytes | Path]:
        """What an exported model, whose input is called `input`, needs to take an image file and to name its class."""
        settings = {**asdict(self.preparation), "input": input, "labels": self.labels.names, "kind": self.labels.kind}
        return {"preprocessing.json": json.dumps(settings, indent=1), **reader_files("image.py")}

    def _pixels(self, row: int) -> np.ndarray:
        if row in self._kept:
            return self._kept[row]
        pixels = self.preparation.pixels(self._sources[row])
        if (len(self._kept) + 1) * pixels.nbytes <= KEPT_BYTES:
            self._kept[row] = pixels
        return pixels


def _files(folder: Path) -> dict[Path, Split | None]:
    """The images in `folder` and the part of the data that each belongs to, if the folders say it."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return {path: NAMES.get(path.relative_to(folder).parts[0].lower()) for path in found}


def _parts(files: Mapping[Path, Split | None]) -> dict[Split, np.ndarray]:
    parts = np.array([part or "train" for part in files.values()])
    return {split: np.flatnonzero(parts == split) for split in dict.fromkeys(NAMES.values()) if split in parts}


def _encoded(value: Any) -> Any:
    """An encoded image of a table: its bytes, or those within what `datasets` writes."""
    return value["bytes"] if isinstance(value, Mapping) else value


def _moved(pixels: Tensor) -> Tensor:
    """Images (N, C, H, W) moved together by up to 1/8 of their size; half of them mirrored."""
    height, width = pixels.shape[-2:]
    down, right = (int(torch.randint(-(side // SHIFT), side // SHIFT + 1, ())) for side in (height, width))
    moved = torch.roll(pixels, (down, right), (-2, -1))
    edges = ((down, -2, height), (right, -1, width))
    for step, dim, side in edges:  # what comes in again on the other side is dark
        if step:
            start = 0 if step > 0 else side + step
            moved = moved.index_fill(dim, torch.arange(start, start + abs(step)), 0)
    mirrored = torch.rand(len(pixels)) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), moved.flip(-1), moved)
