"""Tables, pictures and records that people name a file for: whole, in place of an earlier one of Paredown's only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipelines.waiting import telling
from pipelines.whole_file import write_bytes
from spaces import InputError, Problem

MAKER = "Paredown"

FORMATS: Mapping[str, tuple[str, bytes]] = {
    ".png": ("Software", b"tEXtSoftware\0Paredown"),
    ".svg": ("Creator", b"<dc:title>Paredown</dc:title>"),
    ".pdf": ("Creator", b"/Creator (Paredown)"),
}
"""Endings of pictures, where in such a file it stands who made it, and how."""

HEADS = (b"trial,label,", b"front,joint,trial,label,", b"layer,ratio,", b'{"paredown record"')
"""How tables begin, as in CSV there is no other place for a mark, and records."""

PACKED, PACKED_NAME_AT = b"paredown record\0", 10
"""What the header of a packed record says that it holds, and where."""


def file_problems(csv: Path | None = None, plot: Path | None = None) -> list[Problem]:
    """Return what keeps the files that options name from being written: told before the work, which may take long."""
    found = [Problem("--csv", told) for path in (csv,) if path and (told := problem(path))]
    if plot and (told := format_problem(plot) or problem(plot)):
        found.append(Problem("--plot", told))
    return found


def format_problem(path: Path) -> str:
    """Return why no picture can be written to `path`; empty if one can, as far as its ending goes."""
    if not path.suffix:
        return f"{path} has no ending that says the format, such as .png"
    if path.suffix.lower() not in FORMATS:
        return f"{path.suffix} is no format of pictures here; legal: {', '.join(FORMATS)}"
    return ""


def problem(path: Path) -> str:
    """Return why nothing can be written to `path`; empty if something can."""
    try:
        return _problem(path)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}; name another place"


def _problem(path: Path) -> str:
    if path.is_dir():
        return f"{path} is a folder; name a file"
    if not path.parent.is_dir():
        return f"folder {path.parent} does not exist"
    if _is_device(path):
        return ""
    if _real(path).is_symlink():
        return f"{path} cannot be written: its symbolic links lead to each other; name another place"
    with tempfile.NamedTemporaryFile(dir=_real(path).parent):
        pass
    content = path.read_bytes() if path.exists() else b""
    if not _is_own(path.suffix.lower(), content):
        return f"{path} exists and is not of Paredown's making; remove it, or name another file"
    return ""


def write(path: Path, content: bytes) -> None:
    """Write `content` to `path`, in place of an earlier file of Paredown's making; links are followed.

    Raises:
        InputError: what lies there is another's.
        OSError: it cannot be written.
    """
    if told := problem(path):
        raise InputError.at(str(path), told)
    if _is_device(path):
        with telling(lambda: f"still waiting for somebody to read {path}, which is no plain file; Ctrl-C ends this"):
            path.write_bytes(content)
    else:
        write_bytes(_real(path), content)


def _is_own(ending: str, content: bytes) -> bool:
    """Return True if `content` is what `write` has written to a file with this ending, or nothing at all."""
    if ending == ".gz":
        return content.startswith(PACKED, PACKED_NAME_AT) or not content
    mark = FORMATS[ending][1] in content if ending in FORMATS else content.startswith(HEADS)
    return mark or not content.strip()


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_device(path: Path) -> bool:
    """Return True if `path` is there to be written into as it is, such as /dev/stdout, whatever that leads to."""
    return path.exists() and (not path.is_file() or path.is_relative_to("/dev") or path.is_relative_to("/proc"))
