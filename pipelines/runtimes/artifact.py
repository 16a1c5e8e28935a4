"""An exported file and the format that it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Artifact:
    """A network as a file.

    Attributes:
        path: Where the file lies.
        format: The name of its format, in `pipelines.formats.FORMATS`.
    """

    path: Path
    format: str
