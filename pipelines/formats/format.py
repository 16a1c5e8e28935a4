"""The protocol of formats of exported files: they write networks down, and know what they have written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from pipelines.extra import versions
from pipelines.measurement import Measurement
from pipelines.runtimes import Feed
from pipelines.tasks.declared import Axes

FIXED: Axes = {}
"""No dimension but the first is free."""


class Format(Protocol):
    """A way to write a network down as one file, which runtimes execute.

    Inputs of a file have the names that `pipelines.runtimes.to_feed` gives them. Its one output is called `OUTPUT`;
    several have the names that the network gives them, the scored one first. The first dimension of each is free.

    Attributes:
        name: What runtimes and artifacts call it, such as ``onnx``.
        title: What people call it, such as ``ONNX``.
        file: The name of a file of it in its stage's folder and in exports, such as ``model.onnx``.
        reference: The name of the runtime by which an exported file is compared with its network.
        version: Raised when one of its functions would write another file than before.
        settings: Whatever else its files depend on, as plain data: in the keys of the stages that write them.
        libraries: The distributions that write its files, whose versions are in these keys, too.
        lacks: The metrics that cannot be read off its files, each with the reason.
        flavor: The MLflow flavour with which its files are logged as models; None to log them as they are.
    """

    name: str
    title: str
    file: str
    reference: str
    version: int
    settings: Mapping[str, Any]
    libraries: tuple[str, ...]
    lacks: Mapping[str, str]
    flavor: str | None

    def export(self, network: nn.Module, example: tuple[Tensor, ...], file: Path, axes: Axes = FIXED) -> None:
        """Write `network`, called with `example`, to the new `file`.

        Args:
            network: In evaluation mode.
            example: Its inputs, which may have names.
            file: Where to write.
            axes: The dimensions that are free besides the first.

        Raises:
            TrialFailed: the format cannot say what the network does.
        """

    def pack(self, source: Path, target: Path) -> None:
        """Write to `target` what is smaller than the file `source` and computes the same."""

    def prepare(self, source: Path, target: Path) -> None:
        """Write to `target` what computes the same as the exported file `source`, ready for quantization schemes."""

    def numbers(self, file: Path) -> int | None:
        """Return how many constant numbers `file` stores in single precision; None if that tells nothing.

        A quantization scheme that leaves their number has found nothing to do.
        """

    def complexity(self, file: Path, feed: Feed) -> Measurement:
        """The metrics ``parameters`` and ``macs``, as in `pipelines.meters.complexity`, but for those that it lacks.

        One that this very file does not tell is left out, and a note of its name says why.

        Args:
            file: A file of the format.
            feed: One input.
        """


def key_part(format: Format) -> Mapping[str, Any]:
    """Return the part of a stage's key that is about `format`: it changes when the files would."""
    about = {"format": format.name, "format_version": format.version}
    return {**about, **format.settings, **_versions(format.libraries)}


_versions = cache(versions)
"""Looked up once: that takes longer than all else about a key."""
