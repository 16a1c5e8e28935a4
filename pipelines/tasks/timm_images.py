"""The task ``timm``: any network of timm's that classifies images, on a folder or a table of yours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pipelines.extra import versions
from pipelines.file_hash import sha256
from pipelines.tasks.derived import shallower
from pipelines.tasks.hub import needed, quiet
from pipelines.tasks.images import Images, Preparation
from pipelines.tasks.labels import LOSS
from pipelines.tasks.task import Batch, Split
from spaces import digest

PACKAGES = ("timm",)


class TimmImages:
    """Classifies images.

    Args:
        model: The name of a network of timm's, such as ``resnet18``.
        data: A folder with a folder of images for each class, or a table with a column of encoded images.
        image: The column of images in a table.
        label: The column of labels in a table.
        pretrained: True for timm's own weights, which are loaded from the hub, or a file with a checkpoint.
        size: Height and width of the input; the network's own, when None.
        options: Further arguments of ``timm.create_model``.
        batch_size: Images per batch.
        augment: Whether training images are shifted and mirrored at random.
        scores: Names of scores of the whole split besides the accuracy, such as ``f1``.

    Raises:
        ValueError: a package, the network, its weights or the data is not there, or they do not fit.
    """

    def __init__(
        self,
        model: str,
        data: str,
        image: str = "image",
        label: str = "label",
        pretrained: bool | str = False,
        size: int | None = None,
        options: Mapping[str, Any] | None = None,
        batch_size: int = 64,
        augment: bool = True,
        scores: Sequence[str] = (),
    ) -> None:
        needed(PACKAGES)
        quiet()
        self._model, self._pretrained, self._options = model, pretrained, dict(options or {})
        if isinstance(pretrained, str) and not Path(pretrained).expanduser().is_file():
            raise ValueError(f"pretrained: there is no file {pretrained}")
        config = self._configuration(size)
        side = config["input_size"][1:]
        resized = size or round(side[0] / config["crop_pct"])
        resampling = str(config["interpolation"]).upper()
        preparation = Preparation(side, resized, config["mean"], config["std"], resampling)
        self._images = Images(data, preparation, batch_size, image, label, augment)
        self.drawn, labels = self._images.drawn, self._images.labels
        self._options |= {"num_classes": labels.outputs}
        self.loss, self.scores = LOSS[labels.kind], tuple(scores)

    def teacher(self) -> nn.Module:
        """The network itself, with its weights if it is pretrained."""
        if isinstance(self._pretrained, str):
            return self._made(checkpoint_path=str(Path(self._pretrained).expanduser()))
        return self._made(pretrained=self._pretrained)

    def student(self, depth: int, width: float = 1.0) -> nn.Module:
        """The same with `depth` of its blocks and that share of its channels or heads, and fresh weights."""
        return shallower(self._made(**self._narrower(width)), depth, (self.example_input(),))

    def deploy(self, model: nn.Module) -> nn.Module:
        """The network with its parallel branches merged, as timm does it for MobileOne, RepVGG and their like."""
        from timm.utils.model import reparameterize_model

        merged: nn.Module = reparameterize_model(model)
        return merged

    def batches(self, split: Split) -> Iterable[Batch]:
        """Batches of a split; see `Images.batches`."""
        return self._images.batches(split)

    def example_input(self) -> Tensor:
        """One image."""
        return self._images.example()

    def fingerprint(self) -> str:
        """Changes with the data, with the file of a checkpoint, and with timm's version."""
        weights = sha256(Path(self._pretrained).expanduser()) if isinstance(self._pretrained, str) else ""
        return digest({"version": 1, "data": self._images.fingerprint, "weights": weights, **versions(PACKAGES)})

    def files(self) -> Mapping[str, str | bytes | Path]:
        """The preparation of images, the classes, and a program that reads image files as the network takes them."""
        return self._images.files("input")

    def _configuration(self, size: int | None) -> dict[str, Any]:
        """Size and normalization of the network's inputs, as timm has them."""
        from timm.data import resolve_data_config

        chosen = {"img_size": size} if size else {}
        found: dict[str, Any] = resolve_data_config(chosen, model=self._made())
        return found

    def _made(self, **options: Any) -> nn.Module:
        import timm

        try:
            network: nn.Module = timm.create_model(self._model, **{**self._options, **options})
        except Exception as error:  # timm's, the hub's and the network's errors have no common base
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise ValueError(f"timm cannot make {self._model!r} with {options}: {said}") from error
        return network

    def _narrower(self, width: float) -> dict[str, Any]:
        """The arguments of ``timm.create_model`` for that share of the channels or heads."""
        if width == 1:
            return {}
        network: Any = self._made()
        if isinstance(getattr(network, "embed_dim", None), int) and hasattr(network, "blocks"):
            heads = network.blocks[0].attn.num_heads
            count = max(1, round(heads * width))
            return {"embed_dim": network.embed_dim // heads * count, "num_heads": count}
        for name, modules in (("dims", "stages"), ("channels", "layer1")):
            if hasattr(network, modules) and len(network.feature_info) >= 4:
                channels = [info["num_chs"] for info in network.feature_info[-4:]]
                expansion = getattr(network.layer1[0], "expansion", 1) if name == "channels" else 1
                return {name: tuple(max(8, 8 * round(each * width / expansion / 8)) for each in channels)}
        raise ValueError(f"{self._model} does not come narrower; leave student.width at 1, or prune its channels")
