"""A format of one's own: the layers of a network as arrays in one .npz file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.formats.format import FIXED
from pipelines.measurement import Measurement
from pipelines.runtimes import Feed
from pipelines.tasks.declared import Axes


class NpzFormat:
    """Networks of linear layers and rectifiers, one after the other."""

    name = "npz"
    title = "NumPy"
    file = "model.npz"
    reference = "numpy"
    version = 1
    settings: Mapping[str, Any] = {}
    libraries: tuple[str, ...] = ("numpy",)
    lacks: Mapping[str, str] = {"macs": "the file does not say how often a weight is used"}
    flavor: str | None = None

    def export(self, network: nn.Module, example: tuple[Tensor, ...], file: Path, axes: Axes = FIXED) -> None:
        arrays = {}
        for index, layer in enumerate(network if isinstance(network, nn.Sequential) else [network]):
            match layer:
                case nn.Flatten() | nn.ReLU():
                    arrays[f"{index}.{type(layer).__name__.lower()}"] = np.zeros(0)
                case nn.Linear():
                    arrays[f"{index}.weight"] = layer.weight.detach().numpy()
                    arrays[f"{index}.bias"] = layer.bias.detach().numpy()
                case _:
                    raise TrialFailed(f"the network cannot be exported to NumPy: it has a {type(layer).__name__}")
        np.savez(file, **arrays)

    def pack(self, source: Path, target: Path) -> None:
        with np.load(source) as arrays:
            np.savez_compressed(target, **arrays)

    def prepare(self, source: Path, target: Path) -> None:
        shutil.copyfile(source, target)

    def numbers(self, file: Path) -> int | None:
        """See `Format.numbers`."""
        return None

    def complexity(self, file: Path, feed: Feed) -> Measurement:
        with np.load(file) as arrays:
            return Measurement({"parameters": float(sum(array.size for array in arrays.values()))})
