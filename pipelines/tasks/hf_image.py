"""The task ``hf-image``: a Hugging Face model that classifies images, on a folder or a table of yours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pipelines.tasks.derived import shallower
from pipelines.tasks.hub import fingerprint, loaded, name_labels, narrower, needed, quiet
from pipelines.tasks.images import Images, Preparation
from pipelines.tasks.labels import LOSS
from pipelines.tasks.served import served
from pipelines.tasks.task import Batch, Split
from pipelines.tasks.tensors import as_tuple
from spaces import digest

PACKAGES = ("transformers",)

INPUT = "pixel_values"

RESAMPLING = ("NEAREST", "LANCZOS", "BILINEAR", "BICUBIC", "BOX", "HAMMING")
"""Pillow's filters by the numbers that preprocessors have for them."""


class HfImage:
    """Classifies images.

    Args:
        model: The name of a model on the hub, or a folder with its configuration and weights.
        data: A folder with a folder of images for each class, or a table with a column of encoded images.
        image: The column of images in a table.
        label: The column of labels in a table.
        pretrained: Whether the teacher begins with the model's weights.
        size: Height and width of the input; the model's own, when None.
        batch_size: Images per batch.
        augment: Whether training images are shifted and mirrored at random.
        scores: Names of scores of the whole split besides the accuracy, such as ``f1``.

    Raises:
        ValueError: a package, the model or the data is not there, or they do not fit.
    """

    outputs = ("logits",)

    def __init__(
        self,
        model: str,
        data: str,
        image: str = "image",
        label: str = "label",
        pretrained: bool = True,
        size: int | None = None,
        batch_size: int = 64,
        augment: bool = True,
        scores: Sequence[str] = (),
    ) -> None:
        needed(PACKAGES)
        quiet()
        from transformers import AutoConfig

        self._model, self._pretrained = model, pretrained
        self._config = loaded(AutoConfig.from_pretrained, model, "its configuration")
        preparation = _preparation(model, self._config, size)
        self._images = Images(data, preparation, batch_size, image, label, augment)
        self.drawn, labels = self._images.drawn, self._images.labels
        name_labels(self._config, labels.names)
        if size and hasattr(self._config, "image_size"):
            self._config.image_size = size
        self.loss, self.scores = LOSS[labels.kind], tuple(scores)

    def teacher(self) -> nn.Module:
        """The model itself, with its weights if it is pretrained; its head is new if it has other classes."""
        if not self._pretrained:
            return self._fresh(deepcopy(self._config))
        from transformers import AutoModelForImageClassification

        network: nn.Module = loaded(
            AutoModelForImageClassification.from_pretrained,
            self._model,
            "its weights",
            config=deepcopy(self._config),
            ignore_mismatched_sizes=True,
        )
        return network

    def student(self, depth: int, width: float = 1.0) -> nn.Module:
        """The same with `depth` of its blocks and that share of its heads and widths, and fresh weights."""
        network = served(self._fresh(narrower(deepcopy(self._config), width)), self)
        return shallower(network, depth, as_tuple(self.example_input()))

    def batches(self, split: Split) -> Iterable[Batch]:
        """Batches of a split; see `Images.batches`."""
        return (({INPUT: as_tuple(pixels)[0]}, targets) for pixels, targets in self._images.batches(split))

    def example_input(self) -> dict[str, Tensor]:
        """One image."""
        return {INPUT: self._images.example()}

    def fingerprint(self) -> str:
        """Changes with the data, with the files of a local model, and with the libraries."""
        return digest({"version": 1, "data": self._images.fingerprint, "model": fingerprint(self._model, PACKAGES)})

    def files(self) -> Mapping[str, str | bytes | Path]:
        """The preparation of images, the classes, and a program that reads image files as the model takes them."""
        return self._images.files(INPUT)

    def _fresh(self, config: Any) -> nn.Module:
        from transformers import AutoModelForImageClassification

        network: nn.Module = AutoModelForImageClassification.from_config(config)
        return network


def _preparation(model: str, config: Any, size: int | None) -> Preparation:
    """What the model's preprocessor says, as far as it says anything: read here, since the class needs torchvision."""
    settings = _settings(model)
    wanted = settings.get("crop_size") or settings.get("size") or getattr(config, "image_size", 224)
    side = size or _side(wanted)
    channels = int(getattr(config, "num_channels", 3))
    resized = size or max(side, _side(settings.get("size") or side))
    mean, std = (tuple(settings.get(name) or [0.5] * channels) for name in ("image_mean", "image_std"))
    resampling = RESAMPLING[int(settings.get("resample", 2))]
    return Preparation((side, side), resized, mean, std, resampling)


def _settings(model: str) -> dict[str, Any]:
    file = Path(model).expanduser() / "preprocessor_config.json"
    if not file.parent.is_dir():
        from huggingface_hub import hf_hub_download

        try:
            file = Path(hf_hub_download(model, file.name))
        except Exception:  # a model without one; that the hub cannot be reached was found out with its configuration
            return {}
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _side(size: Any) -> int:
    """The side of a square that a preprocessor or a configuration describes."""
    if isinstance(size, Mapping):
        return int(size.get("height") or size.get("shortest_edge") or 224)
    return int(size[0] if isinstance(size, (list, tuple)) else size)
