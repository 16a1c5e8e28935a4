"""Files that a person names to be read."""

from __future__ import annotations

from pathlib import Path

from pipelines.waiting import telling
from spaces import InputError


def read_file(path: Path, most: int, what: str) -> bytes:
    """Return the content of the file at `path`.

    It may be a pipe, such as a shell makes of ``<(command)``: if nothing comes, it is said what is waited for.

    Args:
        path: A file.
        most: How many bytes it may have.
        what: Why it cannot have more, such as ``not a file that a person has written``.

    Raises:
        OSError: it cannot be read.
        InputError: it is too large.
    """
    waiting = f"still waiting for what is written to {path}, which is no plain file; Ctrl-C ends this"
    with telling(lambda: waiting), path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InputError.at(str(path), f"is larger than {most:,} bytes: {what}")
    return content
