"""Packing: the file sheds what no runtime reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.formats import FORMATS, key_part
from pipelines.stages.stage import Form
from pipelines.training.context import Context
from spaces import Params


class Pack:
    """Make the parent's file smaller, in the way of its format, without a change of what it computes.

    In a small quantized network in ONNX the names of tensors take as many bytes as the weights.
    """

    name = "pack"
    form: Form = "file"
    version = 4
    libraries: tuple[str, ...] = ()

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return key_part(FORMATS[context.format])

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        given = FORMATS[context.format]
        given.pack(parent / given.file, out / given.file)
