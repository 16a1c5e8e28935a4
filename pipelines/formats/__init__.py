"""Formats of exported files. A new one is a file here with a `Format`, and its line in `FORMATS`."""

from pathlib import Path

from pipelines.formats.format import Format, key_part
from pipelines.formats.onnx_format import OnnxFormat
from pipelines.formats.torch_export_format import TorchExportFormat
from pipelines.runtimes import RUNTIMES, Artifact

FORMATS: dict[str, Format] = {each.name: each for each in (OnnxFormat(), TorchExportFormat())}


def format_of(runtime: str) -> Format:
    """The format that the runtime called `runtime` executes."""
    return FORMATS[RUNTIMES[runtime].format]


def artifact_in(folder: Path, format: str) -> Artifact:
    """The file of the format called `format` that a stage has left in `folder`."""
    return Artifact(folder / FORMATS[format].file, format)


__all__ = ["FORMATS", "Format", "OnnxFormat", "TorchExportFormat", "artifact_in", "format_of", "key_part"]
