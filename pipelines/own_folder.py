"""Folders that Paredown may empty, clean or replace: those that it made, as a file in them proves. All others stay."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.whole_file import create_text
from spaces import InputError

MARKER = ".paredown"
"""The file that marks a folder."""

TEXT = "This folder is Paredown's, which may remove everything in it.\n"


def claim(folder: Path, is_earlier: Callable[[], bool] = lambda: False) -> None:
    """Make `folder` with the marker in it; one that is there has to be empty, or marked already.

    Args:
        folder: The folder.
        is_earlier: Whether what it holds without a marker is known to be of an earlier version of Paredown.

    Raises:
        InputError: it holds something else.
    """
    if is_own(folder):
        return
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    strange = [name for name in found if not name.startswith((MARKER, f".{MARKER}"))]  # another process may make it now
    if strange and not is_earlier():
        listed = ", ".join(strange[:3])
        advice = "move them away, or set PAREDOWN_HOME to another folder"
        raise InputError.at(str(folder), f"holds files that are not Paredown's ({listed}); {advice}")
    create_text(folder / MARKER, TEXT)


def is_own(folder: Path) -> bool:
    """Return True if `folder` is marked."""
    return (folder / MARKER).is_file()


def remove(folder: Path) -> None:
    """Remove `folder` with all that it holds, as far as that is possible, if it is marked."""
    if is_own(folder):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replacement(folder: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which takes its place at the end, unless an exception ends the context.

    Args:
        folder: The folder, with its links resolved; folders above it are made.
        check: Given what would give way, if there is something: raises what its loss would be. It is asked first, and
            once more when nobody finds it at its path any more, who could put something into it.

    Raises:
        OSError: it cannot be written.
    """
    if os.path.lexists(folder):
        check(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:50]}."))
    try:
        draft = aside / "new"
        draft.mkdir()
        yield draft
        _swap(draft, folder, aside / "old", check)
    finally:
        shutil.rmtree(aside / "new", ignore_errors=True)
        with suppress(OSError):  # what could not be put back is kept
            aside.rmdir()


def _swap(draft: Path, folder: Path, old: Path, check: Callable[[Path], None]) -> None:
    """Put `draft` in the place of `folder`, by way of `old`; what was there comes back if that fails."""
    with suppress(FileNotFoundError):
        os.rename(folder, old)
    try:
        if os.path.lexists(old):
            check(old)
        os.rename(draft, folder)  # the system refuses if there is something by now
    except BaseException as error:
        if os.path.lexists(old):
            _put_back(old, folder, error)
        raise
    if old.exists():
        shutil.rmtree(old)


def _put_back(old: Path, folder: Path, error: BaseException) -> None:
    try:
        os.rename(old, folder)
    except OSError as second:
        message = f"{second.strerror}; what was there before is kept in {old}"
        raise OSError(second.errno, message, str(folder)) from error
