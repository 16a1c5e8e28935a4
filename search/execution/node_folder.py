"""A worker's own folder on a machine that does not see the driver's workspace.

It holds copies of stage results and the last words of workers, and nothing that the driver does not have as well, so it
is removed as soon as no process holds it: at the end of the sweep, or when the next one comes to this machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pipelines import own_folder
from pipelines.store import Folder, evict

SHARE = 0.1
"""The copies of stage results may take this share of the disk; then those go that were not used for longest."""

EVERY_S = 60.0
"""The room that they take is looked at no more often than this."""

LOCK, GONE = "held", ".gone-"


class NodeFolder:
    """The folder of one run of a sweep on this machine, as long as one of its workers holds it.

    Args:
        name: What tells the run from all others.
        root: Where such folders are; a folder of the user's in the temporary folder, when None.

    Attributes:
        path: The folder.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, name: str, root: Path | None = None) -> None:
        self.path = (root or default_root()) / name
        self._file = _hold(self.path)
        self._looked_at = time.monotonic()

    @property
    def store(self) -> Path:
        """Copies of stage results, and those that were made here."""
        return self.path / "store"

    @property
    def words(self) -> Path:
        """Where workers leave their last words."""
        return self.path / "words"

    def make_room(self) -> None:
        """Evict what was not used for longest, if the copies have taken more than their share of the disk."""
        if time.monotonic() - self._looked_at < EVERY_S:
            return
        self._looked_at = time.monotonic()
        unsent = {path.name for path in (self.store / "unsent").glob("*")}
        with suppress(OSError):  # the next trial tries again
            evict(Folder(self.store), shutil.disk_usage(self.path).total * SHARE, unsent)

    def close(self) -> None:
        """Give the folder back; it is removed if nobody else holds it."""
        os.close(self._file)
        _remove(self.path)


def default_root() -> Path:
    """The folder of this user on this machine in which such folders are."""
    return Path(tempfile.gettempdir()) / f"paredown-{os.getuid()}" / "nodes"


def clean(root: Path | None = None) -> None:
    """Remove what processes have left that were killed."""
    for path in (root or default_root()).glob("*"):
        if path.name.startswith(GONE):
            shutil.rmtree(path, ignore_errors=True)
        else:
            _remove(path)


def _hold(folder: Path) -> int:
    """Hold `folder`, which is made if it is not there: the kernel gives it back when this process dies."""
    while True:
        own_folder.claim(folder)
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_SH)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(folder / LOCK)):
                return file
        os.close(file)  # it was removed meanwhile


def _remove(folder: Path) -> None:
    """Remove `folder`, unless a process holds it."""
    with suppress(OSError):
        file = os.open(folder / LOCK, os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if own_folder.is_own(folder):
                gone = folder.with_name(f"{GONE}{uuid4().hex}")  # nobody comes into it while its files go
                os.rename(folder, gone)
                shutil.rmtree(gone, ignore_errors=True)
        finally:
            os.close(file)
