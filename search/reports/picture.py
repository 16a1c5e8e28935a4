"""Figures as files."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from search.reports import own_file


def save(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, whose ending gives the format; see `own_file.write`.

    Raises:
        ValueError: the format is not known.
        InputError: what lies there is another's.
    """
    if told := own_file.format_problem(path):
        raise ValueError(told)
    ending = path.suffix.lower()
    content = io.BytesIO()
    figure.savefig(content, format=ending[1:], dpi=130, metadata={own_file.FORMATS[ending][0]: own_file.MAKER})
    own_file.write(path, content.getvalue())
